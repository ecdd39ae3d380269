// A retry policy: a few retries with exponential backoff and jitter, while the deadline leaves time for them. cockatiel's retry knows
// neither the caller's deadline nor its abort.
import { backoffMs, pause } from '../base/backoff.ts';
import type { Deadline } from '../base/deadline.ts';
import { DependencyError } from './dependency-error.ts';

export type RetryOptions = {
  /** Retries after the first attempt, at most. */
  readonly retries: number;
  /** The wait before the first retry, which doubles up to the maximum; the upper half of it is random. */
  readonly retryBackoff: { readonly firstMs: number; readonly maximumMs: number };
  readonly deadline: Deadline;
  /** With less than this left after the wait, there is no retry. */
  readonly minimumMs: number;
  readonly signal: AbortSignal | undefined;
  /** Evaluated before the wait and again after it. */
  readonly shouldRetry: () => boolean;
  readonly onRetry: () => void;
};

const NEVER_ABORTED = new AbortController().signal;

/**
 * Runs `execute` until it succeeds or no retry is left, and returns its result.
 *
 * @throws what the last attempt threw.
 */
export async function withRetries<T>(options: RetryOptions, execute: () => Promise<T>): Promise<T> {
  const { retries, deadline, minimumMs, signal = NEVER_ABORTED, shouldRetry, onRetry } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await execute();
    } catch (error) {
      if (attempt > retries || signal.aborted || !shouldRetry()) throw error;
      const waitMs = waitBeforeRetry(error, attempt, options);
      if (waitMs === undefined || deadline.remainingMs() - waitMs < minimumMs) throw error;
      await pause(waitMs, signal);
      if (signal.aborted || deadline.remainingMs() < minimumMs || !shouldRetry()) throw error;
      onRetry();
    }
  }
}

// Undefined when a retry within the call cannot help: a timeout has used up the caller's time already, and an internal error would
// recur. A dependency that sheds load is retried only when it names a short wait itself.
function waitBeforeRetry(error: unknown, attempt: number, { retryBackoff }: RetryOptions): number | undefined {
  if (!(error instanceof DependencyError)) return undefined;
  const { failure, retryAfterMs } = error;
  const isRetryable = failure === 'unreachable' || (failure === 'overloaded' && retryAfterMs !== undefined);
  if (!isRetryable || (retryAfterMs ?? 0) > retryBackoff.maximumMs) return undefined;
  return Math.max(retryAfterMs ?? 0, backoffMs(attempt, retryBackoff.firstMs, retryBackoff.maximumMs));
}
