import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSharedRun } from '#services/platform/base/shared-run.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Runs that take 10 ms and return their number; the time at which each began. */
function createRuns() {
  const begins: number[] = [];
  const startMs = performance.now();
  const run = createSharedRun(async () => {
    begins.push(Math.round(performance.now() - startMs));
    const number = begins.length;
    await vi.advanceTimersByTimeAsync(10);
    return number;
  }, 100);
  return { run, begins };
}

it('callers that ask at the same time share a run', async () => {
  const { run, begins } = createRuns();

  expect(await Promise.all([run(), run(), run()])).toEqual([1, 1, 1]);
  expect(begins).toEqual([0]);
});

it('a caller that asks during a run gets the next one, which begins a while later', async () => {
  const release = Promise.withResolvers<void>();
  const begins: number[] = [];
  const startMs = performance.now();
  const run = createSharedRun(async () => {
    begins.push(Math.round(performance.now() - startMs));
    const number = begins.length;
    if (number === 1) await release.promise;
    return number;
  }, 100);
  const first = run();
  await vi.advanceTimersByTimeAsync(20);

  const later = [run(), run()];
  release.resolve();
  expect(await first).toBe(1);
  await vi.advanceTimersByTimeAsync(79);
  expect(begins).toEqual([0]);
  await vi.advanceTimersByTimeAsync(1);

  expect(await Promise.all(later)).toEqual([2, 2]);
  expect(begins).toEqual([0, 100]);
});

it('a run that fails fails its callers, not the next ones', async () => {
  let runs = 0;
  const run = createSharedRun(async () => {
    runs += 1;
    if (runs === 1) throw new Error('no');
    return runs;
  }, 100);

  const first = Promise.allSettled([run(), run()]);
  expect((await first).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = run();
  await vi.advanceTimersByTimeAsync(100);

  expect(await next).toBe(2);
});

it('a run after a long pause begins at once', async () => {
  const { run, begins } = createRuns();
  await run();
  await vi.advanceTimersByTimeAsync(500);

  await run();

  expect(begins[1]).toBe(510);
});
