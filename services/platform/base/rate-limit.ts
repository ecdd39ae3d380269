// A limit of calls per second that lets short bursts through (the generic cell rate algorithm).

export type RateLimitOptions = {
  readonly perSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
  /** Monotonic milliseconds; by default those of the process. */
  readonly now?: () => number;
};

/** Returns a function that takes one call, or says that the limit is reached. */
export function createRateLimit(options: RateLimitOptions): () => boolean {
  const { perSecond, burst, now = () => performance.now() } = options;
  const intervalMs = 1_000 / perSecond;
  // When a steady stream at the limit would have been due, had it taken every call so far.
  let dueMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = now();
    const nextMs = Math.max(dueMs, nowMs) + intervalMs;
    if (nextMs - nowMs > burst * intervalMs) return false;
    dueMs = nextMs;
    return true;
  };
}
