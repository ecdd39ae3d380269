// truncate-frame: the client gets a frame whose header announces more bytes than arrive before the connection closes.
//
//   sent:      [length 8] ████████
//   received:  [length 8] ███ FIN

import { createStatelessStage } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';

/** Where `truncateFrame` truncates. */
export type TruncateFrameOptions = {
  /** How many bytes of the first body frame pass. Default 0: over HTTP/2 only the frame's header. */
  readonly afterBytes?: number;
};

/**
 * Closes the connection in the middle of a frame, by default the first one of the answer's body. Over HTTP/1.1, which has no
 * frames, it does so in the middle of the body.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function truncateFrame({ afterBytes = 0 }: TruncateFrameOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 0);
  return {
    name: 'truncate-frame',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(context, (direction) =>
        createStatelessStage((chunk, pass) => {
          if (chunk.kind !== 'body' || chunk.payload.length <= afterBytes) {
            pass(chunk);
            return;
          }
          context.countHit();
          context.target.truncate(direction, chunk, afterBytes);
        }),
      ),
  };
}
