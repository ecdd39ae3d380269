import { describe, expect, it } from 'vitest';
import {
  type CallSample,
  type ConcurrencyLimit,
  createConcurrencyLimit,
} from '#services/platform/server/concurrency-limit.ts';

const CEILING = 32;
const UNDISTURBED_MS = 20;
const USUAL = { serviceMs: UNDISTURBED_MS, waitedMs: 0, hasFailed: false, isPressed: false };
const SLOW = { serviceMs: 10 * UNDISTURBED_MS };
const PRESSED = { isPressed: true };

/** A limit that knows what a call takes alone, and lets `times` rounds of calls fare as told. */
function fare(limit: ConcurrencyLimit, rounds: number, sample: (atWork: number) => Partial<CallSample>): number[] {
  return Array.from({ length: rounds }, () => {
    const atWork = limit.current();
    for (let call = 0; call < atWork; call += 1) {
      limit.learn({ kind: 'CreateOrder', ...USUAL, atWork, ...sample(atWork) });
    }
    return limit.current();
  });
}

function createSeasonedLimit(ceiling = CEILING): ConcurrencyLimit {
  const limit = createConcurrencyLimit(ceiling);
  fare(limit, 20, () => ({ atWork: 1 }));
  return limit;
}

describe('the limit', () => {
  it('begins at a quarter of its ceiling', () => {
    expect(createConcurrencyLimit(CEILING).current()).toBe(8);
  });

  it('grows to its ceiling, and not beyond, while calls take as long as undisturbed', () => {
    const steps = fare(createSeasonedLimit(), 20, () => ({}));

    expect(steps.slice(0, 3)).toEqual([10, 12, 15]);
    expect(steps.at(-1)).toBe(CEILING);
  });

  it('halves with a round of calls that get badly in each other’s way, down to the few that always get in', () => {
    const limit = createSeasonedLimit();
    fare(limit, 20, () => ({}));

    expect(fare(limit, 6, () => ({ ...SLOW, ...PRESSED }))).toEqual([16, 8, 4, 4, 4, 4]);
  });

  it('is no lower than where it began and returns to it, however slow calls are, while no more come than are served', () => {
    const limit = createSeasonedLimit();
    fare(limit, 20, () => ({}));

    expect(fare(limit, 4, () => SLOW)).toEqual([16, 8, 8, 8]);
    fare(limit, 3, () => ({ ...SLOW, ...PRESSED }));
    expect(fare(limit, 1, () => SLOW)).toEqual([4]);
    expect(fare(limit, 40, () => SLOW).at(-1)).toBe(7);
  });

  it('grows with more care while more calls come than are served', () => {
    const steps = fare(createSeasonedLimit(), 40, () => PRESSED);

    expect(steps.slice(0, 4)).toEqual([8, 8, 9, 9]);
    expect(steps.at(-1)).toBe(CEILING);
  });

  it.each([true, false])(
    'settles where calls take half as long again, whichever side it comes from, pressed: %s',
    (isPressed) => {
      // A processor that can do five at once.
      const shared = (atWork: number) => ({ serviceMs: UNDISTURBED_MS * Math.max(1, atWork / 5) });
      const [grown, fresh] = [createSeasonedLimit(), createSeasonedLimit()];
      fare(grown, 20, () => ({}));

      for (const limit of [grown, fresh]) {
        const last = fare(limit, 40, (atWork) => ({ ...shared(atWork), isPressed })).slice(-10);
        expect(Math.min(...last)).toBeGreaterThanOrEqual(6);
        expect(Math.max(...last)).toBeLessThanOrEqual(9);
      }
    },
  );

  it('grows while what calls lose by each other is little beside what they wait for a slow neighbour', () => {
    const slow = (waitedMs: number) => () => ({ ...PRESSED, serviceMs: 5 * UNDISTURBED_MS, waitedMs });

    expect(fare(createSeasonedLimit(), 12, slow(2_000)).at(-1)).toBe(CEILING);
    expect(fare(createSeasonedLimit(), 3, slow(100)).at(-1)).toBe(4);
  });

  it('grows back when the calls no longer get in each other’s way', () => {
    const limit = createSeasonedLimit();
    fare(limit, 4, () => ({ ...SLOW, ...PRESSED }));
    expect(limit.current()).toBe(4);

    expect(fare(limit, 12, () => ({})).at(-1)).toBe(CEILING);
  });

  it('moves towards where it began while less than half of it is used, whatever calls take', () => {
    const [grown, shrunk] = [createSeasonedLimit(), createSeasonedLimit()];
    fare(grown, 20, () => ({}));
    fare(shrunk, 4, () => ({ ...SLOW, ...PRESSED }));

    fare(grown, 30, () => ({ ...SLOW, atWork: 2 }));
    fare(shrunk, 100, () => ({ atWork: 1 }));

    expect(grown.current()).toBe(8);
    expect(shrunk.current()).toBe(7);
  });

  it('never learns from an overload what is usual: it lasts, and the limit stays down', () => {
    const limit = createSeasonedLimit();
    const slow = (atWork: number) => ({ ...PRESSED, serviceMs: UNDISTURBED_MS * Math.max(1, atWork / 2) });

    expect(Math.max(...fare(limit, 500, slow).slice(10))).toBeLessThanOrEqual(7);
  });

  it('learns what is usual where even the few always let in take longer than they did', () => {
    const limit = createSeasonedLimit();
    fare(limit, 200, () => ({ ...SLOW, ...PRESSED }));

    expect(limit.current()).toBeGreaterThan(4);
  });

  it('stays as it is where its ceiling is no higher than the few always let in', () => {
    const limit = createSeasonedLimit(2);
    fare(limit, 10, () => ({ ...SLOW, ...PRESSED }));
    expect(limit.current()).toBe(2);
    fare(limit, 20, () => ({}));
    expect(limit.current()).toBe(2);
  });
});

describe('a call', () => {
  it('is compared with others of its kind only', () => {
    const limit = createSeasonedLimit();
    fare(limit, 20, () => ({ kind: 'ListOrders', serviceMs: 50 * UNDISTURBED_MS, atWork: 1 }));

    expect(fare(limit, 10, () => ({ kind: 'ListOrders', serviceMs: 50 * UNDISTURBED_MS })).at(-1)).toBe(CEILING);
  });

  it('that failed fast does not make the others look slow, nor the limit grow', () => {
    const limit = createSeasonedLimit();
    fare(limit, 50, () => ({ serviceMs: 0.1, hasFailed: true }));
    expect(limit.current()).toBe(8);

    expect(fare(limit, 10, () => ({})).at(-1)).toBe(CEILING);
  });

  it('that failed and was slow is a sign of too many all the same', () => {
    const limit = createSeasonedLimit();
    fare(limit, 6, () => ({ ...PRESSED, serviceMs: 500, hasFailed: true }));

    expect(limit.current()).toBe(4);
  });

  it('that takes no time to speak of is no slower at a millisecond more', () => {
    const limit = createConcurrencyLimit(CEILING);
    fare(limit, 20, () => ({ serviceMs: 0.01, atWork: 1 }));

    expect(fare(limit, 10, () => ({ serviceMs: 1 })).at(-1)).toBe(CEILING);
  });
});
