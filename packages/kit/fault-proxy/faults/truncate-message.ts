// A truncated message: the body stops in the middle, and the end follows as if that were all.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { lastPiece } from '../core/stage.ts';
import { createCut, createEarlyEnd } from '../cut.ts';

/** Where the body stops. */
export interface TruncateMessageOptions {
  /** How many bytes of body pass, at least 1. Default 1. */
  readonly afterBytes?: number;
}

/**
 * Cuts bodies off, by default those of the answers, and ends the call or connection; a
 * request that is cut off is still answered. A body that is shorter than the cut is
 * left alone and not counted.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function truncateMessage({ afterBytes = 1 }: TruncateMessageOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 1);
  return {
    name: 'truncate-message',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(target, (direction) =>
        direction === 'up'
          ? // The upstream service answers what it got, and its answer is passed.
            createEarlyEnd(target, direction, afterBytes)
          : createCut(afterBytes, (pass) => {
              target.hit();
              pass(lastPiece);
              target.port.close();
            }),
      ),
  };
}
