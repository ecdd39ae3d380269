// truncate-message: the client gets the beginning of the body and then a regular end, as if that were the whole body.
//
//   sent:      head ████████|
//   received:  head ███|

import { END_CHUNK } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { createEndingStage, createTruncatingStage } from '../stages/truncating-stage.ts';

/** Where `truncateMessage` truncates. */
export type TruncateMessageOptions = {
  /** How many bytes of body pass, at least 1. Default 1. */
  readonly afterBytes?: number;
};

/**
 * Truncates bodies, by default those of the answers, and ends the call or connection. A truncated request is still answered. A
 * body that is not longer passes unchanged and is not counted.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function truncateMessage({ afterBytes = 1 }: TruncateMessageOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 1);
  return {
    name: 'truncate-message',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(context, (direction) =>
        direction === 'up'
          ? // Only the request's direction ends, so that the upstream service's answer still reaches the client.
            createEndingStage(context, direction, afterBytes)
          : createTruncatingStage(afterBytes, (pass) => {
              context.countHit();
              pass(END_CHUNK);
              context.target.close();
            }),
      ),
  };
}
