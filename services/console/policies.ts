// The call policies of the console: it waits a little longer than a service may take, and leaves retries to the page.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policy of one dependency, times in milliseconds; `breakerResetMs` is the setting BREAKER_RESET_MS. */
export function createPolicy(name: string, breakerResetMs: number): DependencyPolicy {
  // Starting a stopped process, and judging a platform with a long history, take their time.
  const longest = name === 'local-control' ? 90_000 : 10_000;
  return {
    name,
    timeoutMs: longest,
    tryTimeoutMs: longest,
    minimumMs: 5,
    retries: 0,
    retryBackoff: { firstMs: 50, maximumMs: 200 },
    maxConcurrent: 32,
    maxQueued: 64,
    maxQueueMs: 1_000,
    breakerFailures: 5,
    breakerResetMs,
  };
}
