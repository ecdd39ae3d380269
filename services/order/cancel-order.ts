// rpc CancelOrder: decides against a pending order and gives back what it holds.
import type { CancelOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { startDeadline } from '../platform/base/deadline.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import { requireOrder } from './get-order.ts';
import { decideCancel, type Order } from './order.ts';
import { toOrderMessage, toStatusEvent } from './order-messages.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';

const MAX_CONFLICTS = 10;

export type CancelOrderDependencies = { readonly saga: SagaDependencies; readonly now: () => Date };

/**
 * Cancels an order and gives back what it can within `budgetMs` milliseconds; the rest follows in the background. Throws
 * DomainError ORDER_NOT_FOUND, or ORDER_NOT_CANCELLABLE when it is decided otherwise.
 */
export async function cancelOrder(
  dependencies: CancelOrderDependencies,
  request: CancelOrderRequest,
  budgetMs: number,
) {
  const deadline = startDeadline(budgetMs);
  const order = await requireOrder(dependencies.saga.store, request.orderId);
  return await runWithCorrelation(order.orderId, async () => {
    const cancelled = await storeCancellation(dependencies, order);
    const result = await runSaga(dependencies.saga, cancelled, deadline);
    return { order: toOrderMessage(result.order) };
  });
}

// A saga run may change the order at the same moment; whoever stores a verdict first has decided.
async function storeCancellation({ saga, now }: CancelOrderDependencies, first: Order): Promise<Order> {
  let order = first;
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
    if (order.status === 'CANCELLED') return order;
    if (order.verdict !== undefined) {
      throw failedPrecondition(
        'ORDER_NOT_CANCELLABLE',
        `order ${order.orderId} is decided already: ${describeState(order)}`,
      );
    }
    const next = decideCancel(order, now());
    const saved = await saga.store.save(next, order.version, [toStatusEvent({ ...next, version: order.version + 1 })]);
    if (saved !== undefined) {
      saga.changed(saved, true);
      saga.log.info('order cancelled');
      return saved;
    }
    order = await requireOrder(saga.store, order.orderId);
  }
  throw new Error(`order ${order.orderId} keeps changing`);
}

function describeState(order: Order): string {
  return order.status === 'PENDING' ? 'it is being confirmed' : `it is ${order.status.toLowerCase()}`;
}
