// Randomness that a seed repeats: each fault, and each call or connection it is offered, has a sequence of its own, so that the
// order in which concurrent calls run does not change what happens to each.

import { hash } from 'node:crypto';

/** Returns the next number, at least 0 and below 1. */
export type Random = () => number;

const bytesOfNumber = 4;

/** Makes the sequence that belongs to a seed and a path of numbers below it. */
export function createRandom(seed: number | string, ...path: readonly number[]): Random {
  const name = [seed, ...path].join('/');
  let blocks = 0;
  let block = Buffer.alloc(0);
  let position = 0;
  return () => {
    if (position === block.length) {
      blocks += 1;
      block = hash('sha256', `${name}#${blocks}`, 'buffer');
      position = 0;
    }
    const number = block.readUInt32BE(position);
    position += bytesOfNumber;
    return number / 2 ** 32;
  };
}
