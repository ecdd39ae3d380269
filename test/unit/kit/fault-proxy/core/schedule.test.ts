// The selection of calls by a schedule, and its seeded random numbers.
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../../../../packages/kit/fault-proxy/core/random.ts';
import { Schedule, type ScheduleOptions } from '../../../../../packages/kit/fault-proxy/core/schedule.ts';

function taken(options: ScheduleOptions, count: number, random: Random = () => 0): number[] {
  const schedule = new Schedule(options);
  return Array.from({ length: count }, (_, index) => index + 1).filter(() => schedule.selectsNext(random));
}

describe('a schedule', () => {
  it.each([
    { what: 'all by default', options: {}, numbers: [1, 2, 3, 4, 5, 6, 7] },
    { what: 'the first N', options: { times: 2 }, numbers: [1, 2] },
    { what: 'every Nth', options: { every: 3 }, numbers: [3, 6] },
    { what: 'those after the first', options: { after: 5 }, numbers: [6, 7] },
    { what: 'every Nth after the first, so many times', options: { after: 1, every: 2, times: 2 }, numbers: [3, 5] },
    { what: 'none at times 0', options: { times: 0 }, numbers: [] },
  ])('selects $what', ({ options, numbers }) => {
    expect(taken(options, 7)).toEqual(numbers);
  });

  it('selects about as many as its probability says', () => {
    const numbers = taken({ probability: 0.3 }, 2000, createRandom(7));

    expect(numbers.length).toBeGreaterThan(520);
    expect(numbers.length).toBeLessThan(680);
  });

  it('selects none at probability 0 and all at 1', () => {
    expect([taken({ probability: 0 }, 3), taken({ probability: 1 }, 3, () => 0.999)]).toEqual([[], [1, 2, 3]]);
  });

  it('counts only selected calls towards its times', () => {
    const chances = [0.9, 0.1, 0.9, 0.1, 0.1];

    expect(taken({ probability: 0.5, times: 2 }, 5, () => chances.shift() ?? 0)).toEqual([2, 4]);
  });

  it('counts every call it is offered', () => {
    const schedule = new Schedule({ times: 1 });
    for (const _ of 'abc') schedule.selectsNext(() => 0);

    expect(schedule.seen).toBe(3);
  });

  it.each([
    [{ after: -1 }, '"after" must be a whole number of at least 0'],
    [{ every: 0 }, '"every" must be a whole number of at least 1'],
    [{ times: 1.5 }, '"times" must be a whole number of at least 0'],
    [{ probability: 2 }, '"probability" must be from 0 to 1'],
    [{ probability: Number.NaN }, '"probability" must be from 0 to 1'],
  ])('refuses %j', (options, message) => {
    expect(() => new Schedule(options)).toThrow(message);
  });
});

describe('randomness', () => {
  const draw = (random: Random) => Array.from({ length: 5 }, random);

  it('is the same for the same seed and path', () => {
    expect(draw(createRandom(7, 1, 2))).toEqual(draw(createRandom(7, 1, 2)));
  });

  it('differs for another seed or another path', () => {
    const all = [createRandom(7, 1, 2), createRandom(8, 1, 2), createRandom(7, 2, 1), createRandom(7, 12)].map(draw);

    expect(new Set(all.flat()).size).toBe(20);
  });

  it('fills the range from 0 to 1', () => {
    const random = createRandom(1);
    const numbers = Array.from({ length: 1000 }, random);

    expect(Math.min(...numbers)).toBeLessThan(0.02);
    expect(Math.max(...numbers)).toBeGreaterThan(0.98);
    expect(Math.max(...numbers)).toBeLessThan(1);
  });
});
