// garbage: the client gets random bytes in place of the answer's body; on a whole connection, in place of all bytes.

import { createStatelessStage } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import type { Random } from '../core/random.ts';
import { requireWhole } from '../core/require-option.ts';

/** The extent of `garbage`. */
export type GarbageOptions = {
  /** How many bytes of each connection or call to corrupt. Default: all. */
  readonly bytes?: number;
};

/**
 * Corrupts the payload, by default that of the answers.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function garbage({ bytes = Number.MAX_SAFE_INTEGER }: GarbageOptions = {}): Fault {
  requireWhole('bytes', bytes, 1);
  return {
    name: 'garbage',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(context, () => {
        let leftBytes = bytes;
        return createStatelessStage((chunk, pass) => {
          const count = chunk.kind === 'body' ? Math.min(leftBytes, chunk.payload.length) : 0;
          if (count === 0) {
            pass(chunk);
            return;
          }
          leftBytes -= count;
          context.countHit();
          pass({ ...chunk, payload: corrupt(chunk.payload, count, context.random) });
        });
      }),
  };
}

// Changes every byte. Purely random bytes could happen to equal those of a short body, which would then pass unchanged.
function corrupt(payload: Buffer, count: number, random: Random): Buffer {
  const corrupted = Buffer.from(payload);
  for (const index of corrupted.subarray(0, count).keys()) {
    corrupted[index] = ((corrupted[index] ?? 0) + 1 + Math.floor(255 * random())) & 0xff;
  }
  return corrupted;
}
