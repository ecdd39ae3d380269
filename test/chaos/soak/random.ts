// Chance that repeats itself: everything a soak decides comes from its seed, so that a bad run can be run again.

export type Random = {
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  /** One of these; throws RangeError when there are none. */
  pick<Thing>(things: readonly Thing[]): Thing;
  /** These in another order. */
  shuffle<Thing>(things: readonly Thing[]): Thing[];
  /** Chance of its own for one purpose: what others draw does not change it. */
  fork(purpose: string): Random;
};

/** Makes chance from a seed, a whole number. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
  const integer = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
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

/** Spreads a number over all of 32 bits: neighbours end far from each other. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
