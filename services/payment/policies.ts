// The call policies of the payment service.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** The policies by dependency, times in milliseconds; both parameters are settings. */
export function createPolicies(settings: { readonly providerTimeoutMs: number; readonly breakerResetMs: number }) {
  return {
    provider: {
      name: 'payment-provider',
      timeoutMs: settings.providerTimeoutMs,
      tryTimeoutMs: settings.providerTimeoutMs,
      minimumMs: 20,
      // Every call only reads or has an idempotency key, so a retry is safe.
      retries: 2,
      retryBackoff: { firstMs: 50, maximumMs: 200 },
      maxConcurrent: 64,
      maxQueued: 64,
      maxQueueMs: 250,
      breakerFailures: 5,
      breakerResetMs: settings.breakerResetMs,
    },
  } as const satisfies Record<string, DependencyPolicy>;
}
