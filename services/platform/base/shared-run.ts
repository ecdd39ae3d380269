// A run that all callers share who wait for it at the same time: however many ask, the work is done once at a time.
//
//   callers   a     b c d          e
//   runs      [--a--][pause][-b,c,d-][pause][--e--]
//
// A run that has begun is not joined, so that no caller gets a result from before it asked.
import { pause } from './backoff.ts';

const NEVER = new AbortController().signal;

/**
 * Returns a function that resolves to the result of a run of `work` which begins after its call.
 *
 * @param minPeriodMs from the beginning of a run to the beginning of the next, at least.
 */
export function createSharedRun<T>(work: () => Promise<T>, minPeriodMs: number): () => Promise<T> {
  let beganMs = Number.NEGATIVE_INFINITY;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  const run = async (): Promise<T> => {
    await running;
    const waitMs = beganMs + minPeriodMs - performance.now();
    if (waitMs > 0) await pause(waitMs, NEVER);
    beganMs = performance.now();
    next = undefined;
    const result = work();
    running = result.catch(() => undefined); // Its callers get the error.
    return await result;
  };
  return () => {
    next ??= run();
    return next;
  };
}
