// event OrderCreated: reserves for an order whose ReserveStock call never arrived; changes nothing for a decided order.
import type { OrderCreated } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { findReserveError } from './reservation.ts';
import { type ReserveRequest, reserveLines, validateReserveRequest } from './reserve-lines.ts';

/**
 * Decides in the transaction that records the event in the inbox. A shortage or an earlier release is a normal outcome, which
 * acknowledges the event.
 * @throws {DomainError} `invalid_argument`, or RESERVATION_MISMATCH when the order was decided with other items.
 */
export async function onOrderCreated(
  dependencies: InventoryDependencies,
  event: OrderCreated,
  transaction: Transaction,
): Promise<void> {
  const request: ReserveRequest = { orderId: event.orderId, lines: event.items, synthetic: event.synthetic };
  const validation = createValidation();
  validateReserveRequest(request, 'items', validation);
  validation.throwIfInvalid();

  const { reservation, isNew } = await reserveLines(dependencies, transaction, request);
  if (isNew) {
    transaction.afterCommit(dependencies.wakeRelay);
    return;
  }
  const error = findReserveError(reservation, request.lines);
  if (error?.reason === 'RESERVATION_MISMATCH') throw error;
}
