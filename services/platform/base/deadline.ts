// A deadline: the point in time by which work must be done. Each call passes on the time that is left, never more.

/** How much time is left, in whole milliseconds; never negative. */
export type Deadline = { remainingMs(): number };

/** A deadline `budgetMs` milliseconds from now; `now` returns monotonic milliseconds. */
export function startDeadline(budgetMs: number, now: () => number = () => performance.now()): Deadline {
  const end = now() + budgetMs;
  return { remainingMs: () => Math.max(0, Math.floor(end - now())) };
}

/** The shorter of a budget and the time the caller still waits (`undefined` when it waits for ever), in milliseconds. */
export function callBudgetMs(budgetMs: number, callerTimeoutMs: number | undefined): number {
  return callerTimeoutMs === undefined ? budgetMs : Math.max(0, Math.min(budgetMs, callerTimeoutMs));
}

/**
 * Settles as `work` does, or after `limitMs` milliseconds as `onTimeout` does. The work continues after that, and its outcome is ignored.
 */
export function withTimeout<T>(work: Promise<T>, limitMs: number, onTimeout: () => T): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const expire = (): void => {
    try {
      resolve(onTimeout());
    } catch (error) {
      reject(error);
    }
  };
  const timer = setTimeout(expire, limitMs);
  work.finally(() => clearTimeout(timer)).then(resolve, reject);
  return promise;
}
