// A truncated frame: its header promises more than arrives before the connection closes.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { createPassingStage } from '../core/stage.ts';

/** Where the frame stops. */
export interface TruncateFrameOptions {
  /** How many bytes of the first body frame pass. Default 0: over HTTP/2 only the frame's header. */
  readonly afterBytes?: number;
}

/**
 * Breaks off in the middle of a frame, by default the first one of the answer's body, and closes the connection. Over HTTP/1.1
 * it breaks off in the middle of the body.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function truncateFrame({ afterBytes = 0 }: TruncateFrameOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 0);
  return {
    name: 'truncate-frame',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(target, (direction) =>
        createPassingStage((piece, pass) => {
          if (piece.kind !== 'body' || piece.payload.length <= afterBytes) {
            pass(piece);
            return;
          }
          target.hit();
          target.port.tear(direction, piece, afterBytes);
        }),
      ),
  };
}
