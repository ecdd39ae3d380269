// A dependency policy for tests: by default without retries and with limits that are not reached.
import type { DependencyPolicy } from '#services/platform/client/call-policy.ts';

/** A policy changed as given. */
export function policyOf(change: Partial<DependencyPolicy> = {}): DependencyPolicy {
  return {
    name: 'inventory',
    timeoutMs: 1_000,
    tryTimeoutMs: 1_000,
    minimumMs: 10,
    retries: 0,
    retryBackoff: { firstMs: 20, maximumMs: 100 },
    maxConcurrent: 100,
    maxQueued: 100,
    maxQueueMs: 1_000,
    breakerFailures: 5,
    breakerResetMs: 5_000,
    ...change,
  };
}
