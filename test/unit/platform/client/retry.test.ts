import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDeadline } from '#services/platform/base/deadline.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { type RetryOptions, withRetries } from '#services/platform/client/retry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failed = (failure: CallFailure, retryAfterMs?: number) =>
  new DependencyError({ dependency: 'inventory', failure, description: failure, retryAfterMs });

/** Makes a call that fails with these in turn, then succeeds; records the time of each attempt, in milliseconds from the start. */
function start(failures: readonly unknown[], change: Partial<RetryOptions> = {}) {
  const begin = performance.now();
  const tries: number[] = [];
  const onRetry = vi.fn();
  const left = [...failures];
  const options = {
    retries: 2,
    retryBackoff: { firstMs: 50, maximumMs: 200 },
    deadline: startDeadline(1_000),
    minimumMs: 20,
    signal: undefined,
    shouldRetry: () => true,
    onRetry,
    ...change,
  };
  const result = withRetries(options, async () => {
    tries.push(performance.now() - begin);
    if (left.length > 0) throw left.shift();
    return 'answer';
  });
  const outcome = Promise.allSettled([result]);
  const end = async () => {
    await vi.runAllTimersAsync();
    return (await outcome)[0];
  };
  return { tries, onRetry, end, result };
}

describe('a call that failed', () => {
  it.each<[CallFailure, number]>([
    ['unreachable', 2],
    ['timeout', 1],
    ['internal', 1],
    ['overloaded', 1],
    ['refused', 1],
    ['circuit_open', 1],
    ['not_called', 1],
    ['cancelled', 1],
  ])('as %s is tried %d times', async (failure, tries) => {
    const call = start([failed(failure)]);

    expect(await call.end()).toMatchObject({ status: tries === 2 ? 'fulfilled' : 'rejected' });
    expect(call.tries).toHaveLength(tries);
    expect(call.onRetry).toHaveBeenCalledTimes(tries - 1);
  });

  it('in an unexpected way is not retried', async () => {
    const mistake = new TypeError('x is undefined');
    const call = start([mistake]);

    expect(await call.end()).toEqual({ status: 'rejected', reason: mistake });
    expect(call.tries).toHaveLength(1);
  });

  it('is retried as often as the policy says, and then throws its last error', async () => {
    const last = failed('unreachable');
    const call = start([failed('unreachable'), failed('unreachable'), last, failed('unreachable')]);

    const outcome = await call.end();

    expect(outcome).toMatchObject({ status: 'rejected' });
    expect((outcome as PromiseRejectedResult).reason).toBe(last);
    expect(call.tries).toHaveLength(3);
  });

  it('that may not be retried is not', async () => {
    const call = start([failed('unreachable')], { shouldRetry: () => false });

    await call.end();

    expect(call.tries).toHaveLength(1);
  });
});

describe('the wait before a retry', () => {
  it('doubles, and its upper half is random', async () => {
    const waits = async (random: number) => {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      const call = start(Array(5).fill(failed('unreachable')), { retries: 4, deadline: startDeadline(10_000) });
      await call.end();
      return call.tries.map((time, index) => time - (call.tries[index - 1] ?? 0)).slice(1);
    };

    expect(await waits(0)).toEqual([25, 50, 100, 100]);
    expect(await waits(1)).toEqual([50, 100, 200, 200]);
  });

  it('is at least as long as the dependency asks for', async () => {
    const call = start([failed('overloaded', 150), failed('unreachable', 180)]);

    await call.end();

    expect(call.tries).toEqual([0, 150, 330]);
  });

  it('is skipped when the dependency asks for more than the policy allows', async () => {
    const call = start([failed('overloaded', 201)]);
    const other = start([failed('unreachable', 1_000)]);

    expect([(await call.end()).status, (await other.end()).status]).toEqual(['rejected', 'rejected']);
    expect([...call.tries, ...other.tries]).toHaveLength(2);
  });

  it.each([
    [169, 1],
    [170, 2],
  ])('is made only when enough is left after it: with %d ms there are %d tries', async (budgetMs, tries) => {
    const call = start([failed('unreachable', 150)], { deadline: startDeadline(budgetMs), minimumMs: 20 });

    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(tries - 1); // Thrown at once: a wait without a retry would only delay the caller.
    await call.end();

    expect(call.tries).toHaveLength(tries);
  });

  it('ends with the caller, and nothing is called after it', async () => {
    const caller = new AbortController();
    const call = start([failed('overloaded', 150)], { signal: caller.signal });
    await vi.advanceTimersByTimeAsync(10);

    caller.abort();
    await expect(call.result).rejects.toThrow('overloaded');

    expect(call.tries).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is followed by no retry when that was forbidden in the meantime', async () => {
    let closed = true;
    const call = start([failed('overloaded', 150)], { shouldRetry: () => closed });
    await vi.advanceTimersByTimeAsync(10);
    closed = false;

    await call.end();

    expect(call.tries).toHaveLength(1);
    expect(call.onRetry).not.toHaveBeenCalled();
  });
});
