// A seeded pseudo-random generator: a failed run can be repeated from its seed.

export type Random = {
  /** At least 0, less than 1. */
  next(): number;
  /** An integer from `min` to `max`, both inclusive. */
  integer(min: number, max: number): number;
  /** @throws {RangeError} the list is empty. */
  pick<Thing>(things: readonly Thing[]): Thing;
  /** Returns a shuffled copy. */
  shuffle<Thing>(things: readonly Thing[]): Thing[];
  /** An independent generator for one purpose: draws of other generators do not change its sequence. */
  fork(purpose: string): Random;
};

/** Creates a generator from an integer seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick: (things) => {
      if (things.length === 0) throw new RangeError('there is nothing to pick from');
      return things[integer(0, things.length - 1)] as (typeof things)[number];
    },
    shuffle: (things) => {
      const rest = [...things];
      return things.map(() => rest.splice(integer(0, rest.length - 1), 1)[0] as (typeof things)[number]);
    },
    fork: (purpose) => {
      let forked = seed >>> 0;
      for (const character of purpose) forked = mix((forked ^ (character.codePointAt(0) ?? 0)) >>> 0);
      return createRandom(forked);
    },
  };
}

/** Hashes a 32-bit number: close inputs give distant outputs. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
