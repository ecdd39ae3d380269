// Repeats a call that may be repeated, a few times, with jitter, and only while the time left is worth it. cockatiel's retry knows
// neither the caller's time nor its giving up.
import { backoffMs, pause } from '../base/backoff.ts';
import type { Deadline } from '../base/deadline.ts';
import { DependencyError } from './dependency-error.ts';

export type RetryOptions = {
  /** Repeats at most, besides the first try. */
  readonly retries: number;
  /** The wait before the first repeat, which doubles up to the maximum; the upper half is random. */
  readonly retryBackoff: { readonly firstMs: number; readonly maximumMs: number };
  readonly deadline: Deadline;
  /** With less than this left after the wait, there is no repeat. */
  readonly minimumMs: number;
  readonly signal: AbortSignal | undefined;
  /** Asked before each repeat, after the wait as well. */
  readonly mayRepeat: () => boolean;
  readonly onRetry: () => void;
};

const NEVER = new AbortController().signal;

/** Returns what `attempt` returns at last, or throws what it threw at last. */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const { retries, deadline, minimumMs, signal = NEVER, mayRepeat, onRetry } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries > retries || signal.aborted || !mayRepeat()) throw error;
      const waitMs = waitBeforeRepeat(error, tries, options);
      if (waitMs === undefined || deadline.remainingMs() - waitMs < minimumMs) throw error;
      await pause(waitMs, signal);
      if (signal.aborted || deadline.remainingMs() < minimumMs || !mayRepeat()) throw error;
      onRetry();
    }
  }
}

// Undefined for what no repeat mends within a call. A timeout has cost the caller's time already, an internal error would come
// again; who sheds load is left in peace unless it names a short wait itself.
function waitBeforeRepeat(error: unknown, tries: number, { retryBackoff }: RetryOptions): number | undefined {
  if (!(error instanceof DependencyError)) return undefined;
  const { failure, retryAfterMs } = error;
  const isWorthIt = failure === 'unreachable' || (failure === 'overloaded' && retryAfterMs !== undefined);
  if (!isWorthIt || (retryAfterMs ?? 0) > retryBackoff.maximumMs) return undefined;
  return Math.max(retryAfterMs ?? 0, backoffMs(tries, retryBackoff.firstMs, retryBackoff.maximumMs));
}
