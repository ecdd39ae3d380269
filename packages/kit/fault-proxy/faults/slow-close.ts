// slow-close: the client gets the whole answer in time, but its end late (FIN, END_STREAM, trailers, the last chunk).
//
//   sent:      head ████████|
//   received:  head ████████        |

import { type Chunk, splitChunk } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { DelayingStage } from '../stages/delaying-stage.ts';

/** The delay of `slowClose`. */
export type SlowCloseOptions = {
  /** How much later than the rest the end arrives, in milliseconds. */
  readonly delayMs: number;
};

/**
 * Delays the end, by default that of the answers.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function slowClose({ delayMs }: SlowCloseOptions): Fault {
  requireNumber('delayMs', delayMs);
  return {
    name: 'slow-close',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(
        context,
        () =>
          new DelayingStage({
            split: splitOffEnd,
            dueMs: ({ isLast }, nowMs) => (isLast ? nowMs + delayMs : nowMs),
            onHold: context.countHit,
          }),
      ),
  };
}

// The last byte is delayed too: an HTTP/1.1 client takes an answer as complete when its length is reached.
function splitOffEnd(chunk: Chunk): readonly Chunk[] {
  return chunk.isLast && chunk.kind === 'body' && chunk.payload.length > 1
    ? splitChunk(chunk, chunk.payload.length - 1)
    : [chunk];
}
