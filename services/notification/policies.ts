// The call policies of the notification service.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policies by dependency, times in milliseconds; `breakerResetMs` is the setting BREAKER_RESET_MS. */
export function createPolicies(breakerResetMs: number) {
  return {
    mailServer: {
      name: 'smtp',
      timeoutMs: 8_000,
      tryTimeoutMs: 8_000,
      minimumMs: 1,
      // No retry within a call: without a reply the mail may have been accepted. The mailer tries it again later.
      retries: 0,
      retryBackoff: { firstMs: 1, maximumMs: 1 },
      // The size of the SMTP connection pool; the rest of a batch queues.
      maxConcurrent: 5,
      maxQueued: 20,
      maxQueueMs: 8_000,
      breakerFailures: 5,
      breakerResetMs,
    },
  } as const satisfies Record<string, DependencyPolicy>;
}
