// A limit to the time of work, and the order in which a bulkhead admits.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BulkheadRejectedError, createBulkhead } from '#services/platform/base/bulkhead.ts';
import { withTimeout } from '#services/platform/base/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('work with a limit', () => {
  const endAfter = <T>(milliseconds: number, outcome: () => T) =>
    new Promise<void>((resolve) => void setInterval(resolve, milliseconds)).then(outcome);
  const fail = (message: string) => (): string => {
    throw new Error(message);
  };

  it.each([
    ['that ends in time', () => endAfter(99, () => 'done'), () => 'late', 'done'],
    ['that fails in time', () => endAfter(99, fail('failed')), () => 'late', 'failed'],
    ['that is late', () => endAfter(101, () => 'done'), () => 'late', 'late'],
    ['that fails late', () => endAfter(101, fail('failed')), () => 'late', 'late'],
    ['whose substitute fails', () => endAfter(101, () => 'done'), fail('too late'), 'too late'],
  ])('%s settles as it should', async (_, work, onTimeout, expected) => {
    const outcome = withTimeout(work(), 100, onTimeout).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(200);

    expect(await outcome).toBe(expected);
  });

  it('leaves no timer behind', async () => {
    await withTimeout(Promise.resolve('done'), 100, () => 'late');

    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a bulkhead', () => {
  it.each([
    ['fifo', ['first', 'second']],
    ['lifo', ['second', 'first']],
  ] as const)('with the order %s admits %o', async (order, expected) => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 2, order });
    const release = await bulkhead.acquire(0);
    const admitted: string[] = [];
    const ask = async (name: string) => {
      const done = await bulkhead.acquire(1_000);
      admitted.push(name);
      done();
    };
    const asked = [ask('first'), ask('second')];
    release();
    await Promise.all(asked);

    expect(admitted).toEqual(expected);
  });

  it('leaves no listener and no timer behind once it admitted a call', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    const release = await bulkhead.acquire(0);
    const { signal } = new AbortController();
    const asked = bulkhead.acquire(1_000, signal);
    release();
    await asked;

    expect([getEventListeners(signal, 'abort'), vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('rejects with an error of its own name', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 0, maxQueued: 0 });

    await expect(bulkhead.acquire(1_000)).rejects.toMatchObject({ name: 'BulkheadRejectedError' });
    await expect(bulkhead.acquire(1_000)).rejects.toBeInstanceOf(BulkheadRejectedError);
  });
});
