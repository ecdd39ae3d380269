// A point in time by which work must be done. Passed on from call to call: what is left, never more.

/** How much time is left, in whole milliseconds; never negative. */
export type Deadline = { remainingMs(): number };

/** A deadline `budgetMs` milliseconds from now; `now` gives monotonic milliseconds. */
export function startDeadline(budgetMs: number, now: () => number = () => performance.now()): Deadline {
  const end = now() + budgetMs;
  return { remainingMs: () => Math.max(0, Math.floor(end - now())) };
}

/** The earlier of a budget and what the caller still waits for (`undefined` when it waits for ever), in milliseconds. */
export function callBudgetMs(budgetMs: number, callerTimeoutMs: number | undefined): number {
  return callerTimeoutMs === undefined ? budgetMs : Math.max(0, Math.min(budgetMs, callerTimeoutMs));
}

/** Ends as `work` does, or after `limitMs` milliseconds as `late` does; the work goes on, and what becomes of it then is nobody's. */
export function withinTime<T>(work: Promise<T>, limitMs: number, late: () => T): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const end = (): void => {
    try {
      resolve(late());
    } catch (error) {
      reject(error);
    }
  };
  const timer = setTimeout(end, limitMs);
  work.finally(() => clearTimeout(timer)).then(resolve, reject);
  return promise;
}
