// bandwidth: the client gets the answer slowly, at a limited number of bytes a second.
//
//   sent:      ████████████████|
//   received:  ██  ██  ██  ██  ██  ██  ██  ██|

import { type Chunk, splitChunk } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { DelayingStage } from '../stages/delaying-stage.ts';

/** The rate of `bandwidth`. */
export type BandwidthOptions = {
  /** Bytes of payload a second, for each connection or call separately. */
  readonly bytesPerSecond: number;
};

const SLICES_PER_SECOND = 20;

/**
 * Limits the rate of the payload, by default that of the answers.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function bandwidth({ bytesPerSecond }: BandwidthOptions): Fault {
  requireNumber('bytesPerSecond', bytesPerSecond, 1);
  const sliceBytes = Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND));
  return {
    name: 'bandwidth',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(context, () => {
        let freeMs = 0;
        return new DelayingStage({
          split: (chunk) => slice(chunk, sliceBytes),
          dueMs: ({ payload }, nowMs) => {
            freeMs = Math.max(freeMs, nowMs) + (1000 * payload.length) / bytesPerSecond;
            return freeMs;
          },
          onHold: context.countHit,
        });
      }),
  };
}

function slice(chunk: Chunk, bytes: number): Chunk[] {
  const slices: Chunk[] = [];
  let rest = chunk;
  // A head stays whole: a relay cannot send half of it.
  while (chunk.kind === 'body' && rest.payload.length > bytes) {
    const [first, second] = splitChunk(rest, bytes);
    slices.push(first);
    rest = second;
  }
  return [...slices, rest];
}
