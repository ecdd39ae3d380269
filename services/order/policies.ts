// The policies of the calls to each dependency.
import type { DependencyPolicy } from '../platform/client/call-policy.ts';

/** How long a call of each dependency may take, its retries included. */
export type CallTimeouts = { readonly inventoryTimeoutMs: number; readonly paymentTimeoutMs: number };

export const DEFAULT_TIMEOUTS: CallTimeouts = { inventoryTimeoutMs: 1_000, paymentTimeoutMs: 2_000 };

// What the last try leaves of the timeout, so that it fails as itself before the call does.
const TRY_MARGIN_MS = 100;

/** The policies by dependency, times in milliseconds; both parameters are settings. */
export function createPolicies(
  breakerResetMs: number,
  { inventoryTimeoutMs, paymentTimeoutMs }: CallTimeouts = DEFAULT_TIMEOUTS,
) {
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
  const limits = (timeoutMs: number) => ({ timeoutMs, tryTimeoutMs: timeoutMs - TRY_MARGIN_MS });
  return {
    inventory: { ...shared, ...limits(inventoryTimeoutMs), name: 'inventory', minimumMs: 20 },
    payment: {
      ...shared,
      ...limits(paymentTimeoutMs),
      name: 'payment',
      minimumMs: 50,
      // One customer's payment method may be why the provider fails: it must not keep payment from all others.
      healthyReasons: ['PAYMENT_PROVIDER_UNAVAILABLE', 'PAYMENT_PROVIDER_ERROR'],
    },
  } as const satisfies Record<string, DependencyPolicy>;
}
