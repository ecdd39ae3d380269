import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pause as pauseUntil } from '#services/platform/base/backoff.ts';
import { excludeWait, measureServiceTime } from '#services/platform/base/service-time.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';

installTracing();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pause = (ms: number): Promise<void> => pauseUntil(ms, new AbortController().signal);

/** Runs work; returns its service time and whether it failed. */
async function measure(work: () => Promise<unknown>): Promise<[number, boolean]> {
  const { promise, resolve } = Promise.withResolvers<[number, boolean]>();
  measureServiceTime(work, ({ serviceMs }, hasFailed) => resolve([Math.round(serviceMs), hasFailed])).catch(
    (error: unknown) => expect(error).toBeInstanceOf(Error),
  );
  await vi.runAllTimersAsync();
  return await promise;
}

describe('the service time of a call', () => {
  it('is its duration when it waits for no dependency', async () => {
    expect(await measure(() => pause(30))).toEqual([30, false]);
  });

  it('excludes waits for dependencies, failed ones too', async () => {
    const work = async () => {
      await pause(10);
      await excludeWait(() => pause(500));
      await pause(5);
      await excludeWait(() => pause(700).then(() => Promise.reject(new Error('away')))).catch(() => pause(2));
    };
    expect(await measure(work)).toEqual([17, false]);
  });

  it('excludes simultaneous waits once', async () => {
    const work = async () => {
      await Promise.all([100, 300].map((ms) => excludeWait(() => pause(ms))));
      await pause(20);
    };
    expect(await measure(work)).toEqual([20, false]);
  });

  it('excludes a nested wait once', async () => {
    expect(await measure(() => excludeWait(() => excludeWait(() => pause(50))))).toEqual([0, false]);
  });

  it('excludes a wait that is still running when the call returns', async () => {
    const work = async () => {
      void excludeWait(() => pause(1_000));
      await pause(100);
    };
    expect(await measure(work)).toEqual([0, false]);
  });

  it('is reported for a failed call, too', async () => {
    expect(await measure(() => pause(30).then(() => Promise.reject(new Error('no'))))).toEqual([30, true]);
  });

  it('is separate for each call', async () => {
    const [quick, slow] = await Promise.all([
      measure(() => pause(10)),
      measure(() => excludeWait(() => pause(400)).then(() => pause(7))),
    ]);
    expect([quick, slow]).toEqual([
      [10, false],
      [7, false],
    ]);
  });

  it('is not measured outside a call', async () => {
    const waiting = excludeWait(async () => 'answer');
    expect(await waiting).toBe('answer');
  });
});
