// OrderCreated: reserves for an order whose call never got through; changes nothing for one that is decided.
import type { OrderCreated } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { findReserveFault } from './reservation.ts';
import { type StockRequest, setStockAside, validateStockRequest } from './set-stock-aside.ts';

/**
 * Decides in the transaction of the event's receipt. That there is not enough, or that the order is released, is an answer like
 * any other; throws only for an event that is at fault itself: bad content, or other items than the order is known by.
 */
export async function onOrderCreated(
  dependencies: InventoryDependencies,
  event: OrderCreated,
  transaction: Transaction,
): Promise<void> {
  const request: StockRequest = { orderId: event.orderId, lines: event.items, synthetic: event.synthetic };
  const validation = createValidation();
  validateStockRequest(request, 'items', validation);
  validation.throwIfInvalid();

  const { reservation, isNew } = await setStockAside(dependencies, transaction, request);
  if (isNew) {
    transaction.afterCommit(dependencies.wakeRelay);
    return;
  }
  const fault = findReserveFault(reservation, request.lines);
  if (fault?.reason === 'RESERVATION_MISMATCH') throw fault;
}
