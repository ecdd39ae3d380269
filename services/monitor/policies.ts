// The call policies of the monitor service.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policies by dependency, times in milliseconds; `breakerResetMs` is the setting BREAKER_RESET_MS, `limitMs` JOURNEY_LIMIT_MS. */
export function createPolicies(breakerResetMs: number, limitMs: number) {
  return {
    order: {
      name: 'order',
      timeoutMs: limitMs,
      // Slightly more than the longest CreateOrder may take.
      tryTimeoutMs: 3_500,
      minimumMs: 20,
      retries: 2,
      retryBackoff: { firstMs: 50, maximumMs: 200 },
      maxConcurrent: 16,
      maxQueued: 16,
      maxQueueMs: 250,
      breakerFailures: 5,
      breakerResetMs,
    },
  } as const satisfies Record<string, DependencyPolicy>;
}
