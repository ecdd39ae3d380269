// How calls to each neighbour behave: the one table.
import type { DependencyPolicy } from '../platform/rpc-client.ts';

/** The policies by neighbour; `breakerResetMs` is the setting BREAKER_RESET_MS. */
export function createPolicies(breakerResetMs: number) {
  return {
    inventory: { name: 'inventory', timeoutMs: 1_000, minimumMs: 20, breakerFailures: 5, breakerResetMs },
    payment: { name: 'payment', timeoutMs: 2_000, minimumMs: 50, breakerFailures: 5, breakerResetMs },
  } as const satisfies Record<string, DependencyPolicy>;
}
