import { describe, expect, it } from 'vitest';
import {
  type CallSample,
  type ConcurrencyLimit,
  createConcurrencyLimit,
} from '#services/platform/server/concurrency-limit.ts';

const CEILING = 32;
const BASELINE_MS = 20;
const USUAL = { serviceMs: BASELINE_MS, waitedMs: 0, hasFailed: false, isSaturated: false };
const SLOW = { serviceMs: 10 * BASELINE_MS };
const SATURATED = { isSaturated: true };

/** Runs rounds of as many calls as the limit admits; returns the limit after each round. */
function runRounds(
  limit: ConcurrencyLimit,
  rounds: number,
  sample: (inFlight: number) => Partial<CallSample>,
): number[] {
  return Array.from({ length: rounds }, () => {
    const inFlight = limit.current();
    for (let call = 0; call < inFlight; call += 1) {
      limit.onSample({ method: 'CreateOrder', ...USUAL, inFlight, ...sample(inFlight) });
    }
    return limit.current();
  });
}

function createWarmLimit(ceiling = CEILING): ConcurrencyLimit {
  const limit = createConcurrencyLimit(ceiling);
  runRounds(limit, 20, () => ({ inFlight: 1 }));
  return limit;
}

/** A limit that an overload has lowered to its minimum. */
function createLoweredLimit(): ConcurrencyLimit {
  const limit = createWarmLimit();
  runRounds(limit, 3, () => ({ ...SLOW, ...SATURATED }));
  expect(limit.current()).toBe(4);
  return limit;
}

describe('the limit', () => {
  it('starts at its ceiling', () => {
    expect(createConcurrencyLimit(CEILING).current()).toBe(CEILING);
  });

  it('grows to its ceiling, and not beyond, while calls are as fast as the baseline', () => {
    const steps = runRounds(createLoweredLimit(), 20, () => ({}));

    expect(steps.slice(0, 3)).toEqual([5, 6, 7]);
    expect(steps.at(-1)).toBe(CEILING);
  });

  it('halves with each round of very slow calls under saturation, down to the minimum', () => {
    expect(runRounds(createWarmLimit(), 6, () => ({ ...SLOW, ...SATURATED }))).toEqual([16, 8, 4, 4, 4, 4]);
  });

  it('does not fall while the service is not saturated, even if calls are slow, and recovers from an overload', () => {
    expect(runRounds(createWarmLimit(), 4, () => SLOW)).toEqual([32, 32, 32, 32]);

    const steps = runRounds(createLoweredLimit(), 40, () => SLOW);
    expect(steps.slice(0, 3)).toEqual([5, 6, 7]);
    expect(steps.at(-1)).toBe(CEILING - 1);
  });

  it('grows more slowly under saturation', () => {
    const steps = runRounds(createLoweredLimit(), 80, () => SATURATED);

    expect(steps.slice(0, 4)).toEqual([4, 4, 4, 4]);
    expect(steps.at(-1)).toBe(CEILING);
  });

  it('settles under saturation where calls take one and a half times the baseline, from either side', () => {
    // A processor that serves five calls at once.
    const shared = (inFlight: number) => ({ serviceMs: BASELINE_MS * Math.max(1, inFlight / 5) });

    for (const limit of [createWarmLimit(), createLoweredLimit()]) {
      const last = runRounds(limit, 80, (inFlight) => ({ ...shared(inFlight), ...SATURATED })).slice(-10);
      expect(Math.min(...last)).toBeGreaterThanOrEqual(6);
      expect(Math.max(...last)).toBeLessThanOrEqual(9);
    }
  });

  it('grows while calls slow each other down by little compared with their wait for a slow dependency', () => {
    const slow = (waitedMs: number) => () => ({ ...SATURATED, serviceMs: 5 * BASELINE_MS, waitedMs });

    expect(runRounds(createLoweredLimit(), 30, slow(2_000)).at(-1)).toBe(CEILING);
    expect(runRounds(createWarmLimit(), 3, slow(100)).at(-1)).toBe(4);
  });

  it('grows back when calls no longer slow each other down', () => {
    const limit = createWarmLimit();
    runRounds(limit, 4, () => ({ ...SLOW, ...SATURATED }));
    expect(limit.current()).toBe(4);

    expect(runRounds(limit, 12, () => ({})).at(-1)).toBe(CEILING);
  });

  it('recovers while less than half of it is used', () => {
    const limit = createLoweredLimit();

    runRounds(limit, 300, () => ({ ...SLOW, ...SATURATED, inFlight: 1 }));

    expect(limit.current()).toBe(CEILING - 1);
  });

  it('stays low through a lasting overload, which does not raise the baseline', () => {
    const limit = createWarmLimit();
    const slow = (inFlight: number) => ({ ...SATURATED, serviceMs: BASELINE_MS * Math.max(1, inFlight / 2) });

    expect(Math.max(...runRounds(limit, 500, slow).slice(10))).toBeLessThanOrEqual(7);
  });

  it('raises the baseline when even a minimum of calls takes longer than before', () => {
    const limit = createWarmLimit();
    runRounds(limit, 200, () => ({ ...SLOW, ...SATURATED }));

    expect(limit.current()).toBeGreaterThan(4);
  });

  it('does not change when its ceiling is below the minimum', () => {
    const limit = createWarmLimit(2);
    runRounds(limit, 10, () => ({ ...SLOW, ...SATURATED }));
    expect(limit.current()).toBe(2);
    runRounds(limit, 20, () => ({}));
    expect(limit.current()).toBe(2);
  });
});

describe('a call', () => {
  it('is compared with calls of its own method only', () => {
    const limit = createWarmLimit();
    runRounds(limit, 20, () => ({ method: 'ListOrders', serviceMs: 50 * BASELINE_MS, inFlight: 1 }));

    const steps = runRounds(limit, 10, () => ({ ...SATURATED, method: 'ListOrders', serviceMs: 50 * BASELINE_MS }));
    expect(steps.at(-1)).toBe(CEILING);
  });

  it('that failed fast neither lowers the baseline nor raises the limit', () => {
    const limit = createLoweredLimit();
    runRounds(limit, 50, () => ({ ...SATURATED, serviceMs: 0.1, hasFailed: true }));
    expect(limit.current()).toBe(4);

    expect(runRounds(limit, 20, () => ({})).at(-1)).toBe(CEILING);
  });

  it('that failed and was slow lowers the limit', () => {
    const limit = createWarmLimit();
    runRounds(limit, 6, () => ({ ...SATURATED, serviceMs: 500, hasFailed: true }));

    expect(limit.current()).toBe(4);
  });

  it('that takes less than a millisecond is not slower at one millisecond', () => {
    const limit = createConcurrencyLimit(CEILING);
    runRounds(limit, 20, () => ({ serviceMs: 0.01, inFlight: 1 }));

    expect(runRounds(limit, 10, () => ({ ...SATURATED, serviceMs: 1 })).at(-1)).toBe(CEILING);
  });
});
