// Decides whether an order gets its stock: the one way in, for the RPC and for the event. The first decision stands, refusals
// included, whichever of the two brought it.

import type { Validation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Queryable } from '../platform/storage/database.ts';
import { TEST_PRODUCT } from './catalogue.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { tellInsufficient, tellReserved } from './inventory-events.ts';
import { type Reservation, type StockLine, sortLines } from './reservation.ts';
import { findReservation, insertRejection, type ReservationDraft, takeStock } from './reservation-store.ts';

const MAX_LINES = 100;
const MAX_QUANTITY = 10_000;

/** What an order asks for. */
export type StockRequest = {
  readonly orderId: string;
  readonly lines: readonly StockLine[];
  readonly synthetic: boolean;
};

/** The reservation as it stands, and whether this call made it. */
export type StockDecision = { readonly reservation: Reservation; readonly isNew: boolean };

/** Adds what is wrong with a request; `linesField` is what its lines are called where they come from. */
export function validateStockRequest(request: StockRequest, linesField: string, validation: Validation): void {
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
 * Reserves all that a valid request asks for, or stores that there is not enough, unless the order was decided before. Works in
 * a transaction or alone; the caller wakes the relay once a new decision is committed.
 */
export function setStockAside(
  dependencies: InventoryDependencies,
  queryable: Queryable,
  request: StockRequest,
): Promise<StockDecision> {
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

async function decide(queryable: Queryable, draft: ReservationDraft): Promise<StockDecision> {
  const result = await takeStock(queryable, draft, tellReserved(draft));
  if (result.kind === 'taken') return { reservation: result.reservation, isNew: true };
  if (result.kind === 'known') return { reservation: result.reservation, isNew: false };
  if (result.kind === 'short') {
    const event = tellInsufficient(draft, result.shortages);
    const rejected = await insertRejection(queryable, draft, result.shortages, event);
    if (rejected !== undefined) return { reservation: rejected, isNew: true };
  }
  // Another call for the order has committed since our statement began: only a new statement sees what it decided.
  const present = await findReservation(queryable, draft.orderId);
  if (present === undefined) throw new Error(`order ${draft.orderId} is decided, yet has no reservation`);
  return { reservation: present, isNew: false };
}

function logDecision({ log }: InventoryDependencies, { reservationId, state, shortages }: Reservation): void {
  if (state === 'RESERVED') log.info({ reservation_id: reservationId }, 'stock set aside');
  else log.info({ reservation_id: reservationId, shortages }, 'not enough stock');
}
