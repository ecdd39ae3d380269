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
