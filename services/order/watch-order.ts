// rpc WatchOrder: the order now, and after every change until its final state.
import type { WatchOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { orderNotFound, requireOrder } from './get-order.ts';
import type { OrderChanges } from './order-changes.ts';
import { toOrderMessage } from './order-messages.ts';
import type { OrderStore } from './order-store.ts';

export type WatchOrderDependencies = { readonly store: Pick<OrderStore, 'find'>; readonly changes: OrderChanges };

/** Yields the order until it is final. Throws DomainError `not_found` ORDER_NOT_FOUND, and the reason of `signal` when it aborts. */
export async function* watchOrder(
  { store, changes }: WatchOrderDependencies,
  request: WatchOrderRequest,
  signal: AbortSignal,
) {
  await requireOrder(store, request.orderId);
  let sent = false;
  for await (const order of changes.follow(request.orderId, signal)) {
    yield { order: toOrderMessage(order) };
    sent = true;
    if (order.status !== 'PENDING') return;
  }
  // Ending without an error would tell a caller whose time is over that the order is final.
  signal.throwIfAborted();
  if (!sent) throw orderNotFound(request.orderId);
}
