// The decision whether an order gets its stock, shared by the RPC ReserveStock and the event OrderCreated. The first decision about
// an order is final, rejections included, whichever of the two triggered it.

import type { Validation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Queryable } from '../platform/storage/database.ts';
import { TEST_PRODUCT } from './catalogue.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { insufficientStockEvent, stockReservedEvent } from './inventory-events.ts';
import { type Reservation, type StockLine, sortLines } from './reservation.ts';
import { findReservation, insertRejection, insertReservation, type ReservationDraft } from './reservation-store.ts';

const MAX_LINES = 100;
const MAX_QUANTITY = 10_000;

/** What an order asks for. */
export type ReserveRequest = {
  readonly orderId: string;
  readonly lines: readonly StockLine[];
  readonly synthetic: boolean;
};

/** The current reservation of the order, and whether this call created it. */
export type ReserveDecision = { readonly reservation: Reservation; readonly isNew: boolean };

/**
 * Adds the violations of a request.
 * @param linesField the name of the lines in the message they come from: `lines` of the RPC, `items` of the event.
 */
export function validateReserveRequest(request: ReserveRequest, linesField: string, validation: Validation): void {
  validation.text('order_id', request.orderId);
  if (request.lines.length === 0) validation.add(linesField, 'must not be empty');
  if (request.lines.length > MAX_LINES) {
    validation.add(linesField, `must have at most ${MAX_LINES} entries, has ${request.lines.length}`);
    return;
  }
  const firstIndexes = new Map<string, number>();
  for (const [index, line] of request.lines.entries()) {
    const field = `${linesField}[${index}]`;
    validation.text(`${field}.product_id`, line.productId);
    validation.range(`${field}.quantity`, line.quantity, 1, MAX_QUANTITY);
    if (request.synthetic && line.productId !== TEST_PRODUCT) {
      validation.add(`${field}.product_id`, `must be ${TEST_PRODUCT} for a synthetic order`);
    }
    const first = firstIndexes.get(line.productId);
    if (first === undefined) firstIndexes.set(line.productId, index);
    else validation.add(`${field}.product_id`, `is the product of ${linesField}[${first}] again`);
  }
}

/**
 * Reserves all lines of a valid request, or stores its rejection, unless the order was decided before. Runs inside or outside a
 * transaction; the caller wakes the relay once a new decision is committed.
 */
export function reserveLines(
  dependencies: InventoryDependencies,
  queryable: Queryable,
  request: ReserveRequest,
): Promise<ReserveDecision> {
  return runWithCorrelation(request.orderId, async () => {
    const draft: ReservationDraft = {
      orderId: request.orderId,
      synthetic: request.synthetic,
      lines: sortLines(request.lines),
      reservationId: dependencies.newId(),
      time: dependencies.now(),
    };
    const decision = await decide(queryable, draft);
    if (decision.isNew) logDecision(dependencies, decision.reservation);
    return decision;
  });
}

async function decide(queryable: Queryable, draft: ReservationDraft): Promise<ReserveDecision> {
  const result = await insertReservation(queryable, draft, stockReservedEvent(draft));
  if (result.kind === 'reserved') return { reservation: result.reservation, isNew: true };
  if (result.kind === 'decided') return { reservation: result.reservation, isNew: false };
  if (result.kind === 'short') {
    const event = insufficientStockEvent(draft, result.shortages);
    const rejected = await insertRejection(queryable, draft, result.shortages, event);
    if (rejected !== undefined) return { reservation: rejected, isNew: true };
  }
  // A concurrent call committed after our statement took its snapshot: only a new statement sees that decision.
  const current = await findReservation(queryable, draft.orderId);
  if (current === undefined) throw new Error(`order ${draft.orderId} is decided, yet has no reservation`);
  return { reservation: current, isNew: false };
}

function logDecision({ log }: InventoryDependencies, { reservationId, state, shortages }: Reservation): void {
  if (state === 'RESERVED') log.info({ reservation_id: reservationId }, 'stock reserved');
  else log.info({ reservation_id: reservationId, shortages }, 'reservation rejected: not enough stock');
}
