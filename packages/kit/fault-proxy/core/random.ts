// Seeded random numbers. Each pair of a fault and a call (or connection) draws from its own sequence, so the order in which
// concurrent calls run does not change what happens to each of them.

import { hash } from 'node:crypto';

/** Returns the next number, at least 0 and below 1. */
export type Random = () => number;

const BYTES_PER_NUMBER = 4;

/** Creates the sequence of a seed and a path of numbers. The same seed and path give the same sequence. */
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
    position += BYTES_PER_NUMBER;
    return number / 2 ** 32;
  };
}
