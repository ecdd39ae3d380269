// The stages behind faults that let a body begin and then do something else.

import type { Direction, Target } from './core/fault.ts';
import { createPassingStage, cutPiece, lastPiece, type Pass, type Stage } from './core/stage.ts';
import { ErrorCode } from './http2/frame.ts';

/**
 * Makes a stage that lets heads and so many bytes of body pass, and swallows the rest. What ends by itself before that is
 * left alone.
 *
 * @param onCut called once, when there is a byte more.
 */
export function createCut(afterBytes: number, onCut: (pass: Pass) => void): Stage {
  let leftBytes = afterBytes;
  let isCut = false;
  return createPassingStage((piece, pass) => {
    if (isCut) return;
    if (piece.kind !== 'body' || piece.payload.length <= leftBytes) {
      if (piece.kind === 'body') leftBytes -= piece.payload.length;
      pass(piece);
      return;
    }
    isCut = true;
    if (leftBytes > 0) pass(cutPiece(piece, leftBytes)[0]);
    onCut(pass);
  });
}

/** Makes a stage that ends a direction after so many bytes of body. */
export function createEarlyEnd(target: Target, direction: Direction, afterBytes: number): Stage {
  return createCut(afterBytes, (pass) => {
    target.hit();
    pass(lastPiece);
    const { connection } = target.port;
    // Nobody can use a connection any more that has one direction left.
    if (connection.lanes[direction].isOver) target.onRemove(() => connection.reset(ErrorCode.noError));
  });
}
