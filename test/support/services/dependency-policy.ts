// The policy of a dependency for tests that need one: no retries and room for everybody, unless a test wants it otherwise.
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
