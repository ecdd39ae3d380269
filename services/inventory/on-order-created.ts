// event OrderCreated: reserves for orders whose ReserveStock call never arrived; changes nothing for a decided order.
import type { OrderCreated } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { findReserveError } from './reservation.ts';
import {
  prepareReserve,
  type ReserveDecision,
  type ReserveIntent,
  type ReserveRequest,
  reserveTogether,
  validateReserveRequest,
} from './reserve-lines.ts';

/**
 * Reads what an order wants reserved.
 * @throws {DomainError} `invalid_argument`.
 */
export function readOrderCreated(
  dependencies: Pick<InventoryDependencies, 'newId' | 'now'>,
  event: OrderCreated,
): ReserveIntent {
  const validation = createValidation();
  validateOrderCreated(event, validation);
  validation.throwIfInvalid();
  return prepareReserve(dependencies, toReserveRequest(event));
}

/** Adds the violations that the contract does not name. */
export function validateOrderCreated(event: OrderCreated, validation: Validation): void {
  validateReserveRequest(toReserveRequest(event), 'items', validation);
}

function toReserveRequest({ orderId, items, synthetic }: OrderCreated): ReserveRequest {
  return { orderId, lines: items, synthetic };
}

/**
 * Decides in the transaction that records the events in the inbox. A shortage or an earlier release is a normal outcome, which
 * acknowledges the event.
 * @throws {DomainError} RESERVATION_MISMATCH when an order was decided with other items.
 */
export async function reserveForEvents(
  { log, wakeRelay }: Pick<InventoryDependencies, 'log' | 'wakeRelay'>,
  intents: readonly ReserveIntent[],
  transaction: Transaction,
): Promise<void> {
  // Two events of one order do not come from the order service; they are decided one after the other.
  const isDistinct = new Set(intents.map(({ draft }) => draft.orderId)).size === intents.length;
  for (const together of isDistinct ? [intents] : intents.map((intent) => [intent])) {
    const decisions = await reserveTogether({ log }, transaction, together);
    for (const [index, { request }] of together.entries()) throwIfMismatched(decisions[index], request);
    if (decisions.some(({ isNew }) => isNew)) transaction.afterCommit(wakeRelay);
  }
}

function throwIfMismatched(decision: ReserveDecision | undefined, request: ReserveRequest): void {
  if (decision === undefined || decision.isNew) return;
  const error = findReserveError(decision.reservation, request.lines);
  if (error?.reason === 'RESERVATION_MISMATCH') throw error;
}
