// The policies of the calls to each dependency.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policies by dependency, times in milliseconds; `breakerResetMs` is the setting BREAKER_RESET_MS. */
export function createPolicies(breakerResetMs: number) {
  const shared = {
    retries: 2,
    retryBackoff: { firstMs: 50, maximumMs: 200 },
    // Fewer than the calls a replica serves at once, so that a slow dependency cannot occupy all of them.
    maxConcurrent: 24,
    maxQueued: 64,
    maxQueueMs: 250,
    breakerFailures: 5,
    breakerResetMs,
  };
  return {
    inventory: { ...shared, name: 'inventory', timeoutMs: 1_000, tryTimeoutMs: 900, minimumMs: 20 },
    payment: { ...shared, name: 'payment', timeoutMs: 2_000, tryTimeoutMs: 1_900, minimumMs: 50 },
  } as const satisfies Record<string, DependencyPolicy>;
}
