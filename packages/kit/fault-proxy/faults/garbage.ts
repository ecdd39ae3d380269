// Garbage: random bytes in place of the real ones. Of a call it spoils the body, of a connection whatever passes.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import type { Random } from '../core/random.ts';
import { requireWhole } from '../core/require-option.ts';
import { createPassingStage } from '../core/stage.ts';

/** How much is spoilt. */
export interface GarbageOptions {
  /** How many bytes of each connection or call to spoil. Default: all. */
  readonly bytes?: number;
}

/**
 * Spoils what passes; by default the answers.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function garbage({ bytes = Number.MAX_SAFE_INTEGER }: GarbageOptions = {}): Fault {
  requireWhole('bytes', bytes, 1);
  return {
    name: 'garbage',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(target, () => {
        let leftBytes = bytes;
        return createPassingStage((piece, pass) => {
          const count = piece.kind === 'body' ? Math.min(leftBytes, piece.payload.length) : 0;
          if (count === 0) {
            pass(piece);
            return;
          }
          leftBytes -= count;
          target.hit();
          pass({ ...piece, payload: spoil(piece.payload, count, target.random) });
        });
      }),
  };
}

// Every byte changes: by chance alone, a short body could come out unharmed.
function spoil(payload: Buffer, count: number, random: Random): Buffer {
  const spoilt = Buffer.from(payload);
  for (const index of spoilt.subarray(0, count).keys()) {
    spoilt[index] = ((spoilt[index] ?? 0) + 1 + Math.floor(255 * random())) & 0xff;
  }
  return spoilt;
}
