// Which caller may see and change which order. The contract says who may call an RPC at all: access-policy.ts checks that before.
import { permissionDenied } from '../platform/base/errors.ts';
import { type Caller, callerName } from '../platform/identity/caller.ts';
import type { Order } from './order.ts';

/**
 * Requires that a customer acts for itself. Guests may name any customer: guest orders are for shops without sign-in.
 *
 * @throws {DomainError} `permission_denied` NOT_YOUR_CUSTOMER_ID
 */
export function requireOwnCustomerId(caller: Caller, customerId: string): void {
  if (caller.kind !== 'customer' || caller.id === customerId) return;
  throw permissionDenied('NOT_YOUR_CUSTOMER_ID', 'customer_id must be your own, the subject of your token');
}

/**
 * Whether a caller may see and change an order: an operator every order, a customer the orders placed for it (but not those of guests, who may have used its
 * id), everyone else the orders it placed.
 */
export function mayAccess(caller: Caller, order: Pick<Order, 'customerId' | 'placedBy'>): boolean {
  if (caller.kind === 'operator') return true;
  if (caller.kind === 'customer') return order.customerId === caller.id && order.placedBy !== 'guest';
  return order.placedBy === callerName(caller);
}

/** Whether a caller of this name may have only so many pending orders for one customer. */
export function isLimited(placedBy: string): boolean {
  return placedBy === 'guest' || placedBy.startsWith('customer:');
}
