// rpc WatchOrder: streams the order now and after each change, until its status is final.
import type { WatchOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Call } from '../platform/server/call.ts';
import { orderNotFound } from './get-order.ts';
import { mayAccess } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { toOrderMessage } from './order-messages.ts';

export type WatchOrderDependencies = { readonly changes: OrderChanges };

/**
 * Yields the order until its status is final.
 * @throws {DomainError} ORDER_NOT_FOUND, also for an order that the caller may not see.
 * @throws The reason of the call's signal when it aborts.
 */
export async function* watchOrder(
  { changes }: WatchOrderDependencies,
  request: WatchOrderRequest,
  { signal, caller }: Pick<Call, 'signal' | 'caller'>,
) {
  let sent = false;
  for await (const order of changes.follow(request.orderId, signal)) {
    if (!mayAccess(caller, order)) break;
    yield { order: toOrderMessage(order) };
    sent = true;
    if (order.status !== 'PENDING') return;
  }
  // Without this, a caller whose deadline passed would take the end of the stream for a final status.
  signal.throwIfAborted();
  if (!sent) throw orderNotFound(request.orderId);
}
