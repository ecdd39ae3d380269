import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, pause } from '#services/platform/base/backoff.ts';

const longest = () => 1;

describe('the wait before a retry', () => {
  it('doubles from the first to the maximum', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, 100, 2_000, longest));

    expect(waits).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
  });

  it('is between half and all of its full length, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, chance) => {
          const full = backoffMs(attempt, 100, 5_000, longest);
          const waitMs = backoffMs(attempt, 100, 5_000, () => chance);
          expect(waitMs).toBeGreaterThanOrEqual(full / 2);
          expect(waitMs).toBeLessThanOrEqual(full);
          expect(Number.isInteger(waitMs)).toBe(true);
        },
      ),
    );
  });

  it('spreads: callers that failed together do not all come back together', () => {
    const waits = new Set(Array.from({ length: 100 }, () => backoffMs(5, 100, 5_000)));

    expect(waits.size).toBeGreaterThan(20);
  });

  it('stays finite after more failures than a number can count doublings', () => {
    expect(backoffMs(Number.MAX_SAFE_INTEGER, 100, 5_000, longest)).toBe(5_000);
  });
});

describe('a pause', () => {
  it('ends early and without an error when it is interrupted', async () => {
    const interruption = new AbortController();
    const pausing = pause(60_000, interruption.signal);

    interruption.abort();

    await expect(pausing).resolves.toBeUndefined();
  });

  it('that was interrupted before it began does not wait', async () => {
    await expect(pause(60_000, AbortSignal.abort())).resolves.toBeUndefined();
  });

  it('leaves nothing on the signal that could have interrupted it', async () => {
    const { signal } = new AbortController();

    await pause(1, signal);

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
