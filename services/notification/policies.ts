// How mails are handed to the mail server: the one table.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policies by dependency, times in milliseconds; `breakerResetMs` is the setting BREAKER_RESET_MS. */
export function createPolicies(breakerResetMs: number) {
  return {
    mailServer: {
      name: 'smtp',
      timeoutMs: 8_000,
      tryTimeoutMs: 8_000,
      minimumMs: 1,
      // A mail may have been accepted though no answer came: it is tried again later, from its row.
      retries: 0,
      retryBackoff: { firstMs: 1, maximumMs: 1 },
      // As many as there are connections; a batch waits for them.
      maxConcurrent: 5,
      maxQueued: 20,
      maxQueueMs: 8_000,
      breakerFailures: 5,
      breakerResetMs,
    },
  } as const satisfies Record<string, DependencyPolicy>;
}
