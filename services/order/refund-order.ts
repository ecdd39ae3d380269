// rpc RefundOrder: refunds a confirmed order.
import type { RefundOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Call } from '../platform/server/call.ts';
import { requireOrder } from './get-order.ts';
import { type Order, refundConfirmed } from './order.ts';
import { updateOrder } from './order-changes.ts';
import { toOrderMessage } from './order-messages.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';

export type RefundOrderDependencies = { readonly saga: SagaDependencies; readonly now: () => Date };

/**
 * Marks a confirmed order as refunded and refunds its charge. A refund that the call's deadline leaves undone follows in the background.
 * @throws {DomainError} INVALID_REQUEST, ORDER_NOT_FOUND, or ORDER_NOT_REFUNDABLE when the order is not confirmed.
 */
export async function refundOrder(
  { saga, now }: RefundOrderDependencies,
  request: RefundOrderRequest,
  { deadline, caller }: Pick<Call, 'deadline' | 'caller'>,
) {
  const found = await requireOrder(saga.store, request.orderId, caller);
  return await runWithCorrelation(found.orderId, async () => {
    // The status is stored before payment is called: a crash in between leaves a refund that is owed, never money without a trace.
    const { order } = await updateOrder(saga, found, (latest) => ({ order: refund(latest, now()) }));
    const result = await runSaga(saga, order, deadline);
    return { order: toOrderMessage(result.order) };
  });
}

function refund(order: Order, now: Date): Order {
  if (order.status === 'REFUNDED') return order;
  if (order.status === 'CONFIRMED') return refundConfirmed(order, now);
  const advice = order.status === 'PENDING' ? 'cancel it instead' : 'no money of it is kept';
  throw failedPrecondition(
    'ORDER_NOT_REFUNDABLE',
    `order ${order.orderId} is not confirmed, but ${order.status.toLowerCase()}: ${advice}`,
  );
}
