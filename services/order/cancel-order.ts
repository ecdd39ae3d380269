// rpc CancelOrder: decides against a pending order and compensates it.
import type { CancelOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Call } from '../platform/server/call.ts';
import { requireOrder } from './get-order.ts';
import { decideCancel, type Order } from './order.ts';
import { updateOrder } from './order-changes.ts';
import { toOrderMessage } from './order-messages.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';

export type CancelOrderDependencies = { readonly saga: SagaDependencies; readonly now: () => Date };

/**
 * Cancels an order and compensates it. Compensation that the call's deadline leaves undone follows in the background.
 * @throws {DomainError} INVALID_REQUEST, ORDER_NOT_FOUND, or ORDER_NOT_CANCELLABLE when the order is decided otherwise.
 */
export async function cancelOrder(
  { saga, now }: CancelOrderDependencies,
  request: CancelOrderRequest,
  { deadline, caller }: Pick<Call, 'deadline' | 'caller'>,
) {
  const found = await requireOrder(saga.store, request.orderId, caller);
  return await runWithCorrelation(found.orderId, async () => {
    // A saga run may decide the order at the same moment: the first verdict that is stored wins.
    const { order } = await updateOrder(saga, found, (latest) => ({ order: cancel(latest, now()) }));
    const result = await runSaga(saga, order, deadline);
    return { order: toOrderMessage(result.order) };
  });
}

function cancel(order: Order, now: Date): Order {
  if (order.status === 'CANCELLED') return order;
  if (order.verdict === undefined) return decideCancel(order, now);
  throw failedPrecondition(
    'ORDER_NOT_CANCELLABLE',
    `order ${order.orderId} is decided already: ${describeState(order)}`,
  );
}

function describeState(order: Order): string {
  return order.status === 'PENDING' ? 'it is being confirmed' : `it is ${order.status.toLowerCase()}`;
}
