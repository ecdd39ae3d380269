// Stages that pass the beginning of a body and discard the rest.

import { createStatelessStage, END_CHUNK, type Pass, type Stage, splitChunk } from '../core/chunk.ts';
import type { Direction, FaultContext } from '../core/fault.ts';
import { ErrorCode } from '../http2/frame.ts';

/**
 * Creates a stage that passes heads and the first `afterBytes` bytes of body, and discards the rest. A body that is not
 * longer passes unchanged.
 *
 * @param onCut called once, when the body turns out to be longer.
 */
export function createTruncatingStage(afterBytes: number, onCut: (pass: Pass) => void): Stage {
  let leftBytes = afterBytes;
  let isCut = false;
  return createStatelessStage((chunk, pass) => {
    if (isCut) return;
    if (chunk.kind !== 'body' || chunk.payload.length <= leftBytes) {
      if (chunk.kind === 'body') leftBytes -= chunk.payload.length;
      pass(chunk);
      return;
    }
    isCut = true;
    if (leftBytes > 0) pass(splitChunk(chunk, leftBytes)[0]);
    onCut(pass);
  });
}

/** Creates a stage that ends its direction after `afterBytes` bytes of body. */
export function createEndingStage(context: FaultContext, direction: Direction, afterBytes: number): Stage {
  return createTruncatingStage(afterBytes, (pass) => {
    context.countHit();
    pass(END_CHUNK);
    const { connection } = context.target;
    // A connection with one open direction is of no use to later calls, so removing the fault resets it.
    if (connection.pipes[direction].isOver) context.onRemove(() => connection.reset(ErrorCode.noError));
  });
}
