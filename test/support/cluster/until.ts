// Waiting for a state of servers that change it by themselves.
import { pause } from '#services/platform/base/backoff.ts';

const POLL_MS = 100;
const PATIENCE_MS = 60_000;

/**
 * Repeats `look` until it does not throw, and returns its result.
 *
 * @throws its last error after `timeoutMs`, 60,000 by default.
 */
export async function until<Result>(look: () => Promise<Result>, timeoutMs = PATIENCE_MS): Promise<Result> {
  const timeout = AbortSignal.timeout(timeoutMs);
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (timeout.aborted) throw error;
      await pause(POLL_MS, timeout);
    }
  }
}
