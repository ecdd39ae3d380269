// The decision whether an order gets its stock, shared by the RPC ReserveStock and the event OrderCreated. The first decision about
// an order is final, rejections included, whichever of the two triggered it.

import type { Validation } from '../platform/base/validation.ts';
import { keepContextOf, runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Queryable } from '../platform/storage/database.ts';
import { TEST_PRODUCT } from './catalogue.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { insufficientStockEvent, stockReservedEvent } from './inventory-events.ts';
import { type Reservation, type StockLine, sortLines } from './reservation.ts';
import {
  type DraftWithEvent,
  findReservation,
  insertRejection,
  insertReservations,
  type ReservationDraft,
  type ReserveResult,
} from './reservation-store.ts';

// The contract's limit: a longer list is not looked at.
const MAX_LINES = 100;
const MAX_LOGGED_SHORTAGES = 10;

/** What an order asks for. */
export type ReserveRequest = {
  readonly orderId: string;
  readonly lines: readonly StockLine[];
  readonly synthetic: boolean;
};

/** The current reservation of the order, and whether this call created it. */
export type ReserveDecision = { readonly reservation: Reservation; readonly isNew: boolean };

/**
 * Adds the violations that the contract does not name: no lines, which an event may have, duplicate products, and
 * products that are not for synthetic orders.
 * @param linesField the name of the lines in the message they come from: `lines` of the RPC, `items` of the event.
 */
export function validateReserveRequest(request: ReserveRequest, linesField: string, validation: Validation): void {
  if (request.lines.length === 0) validation.add(linesField, 'must not be empty');
  if (request.lines.length > MAX_LINES) return;
  const firstIndexes = new Map<string, number>();
  for (const [index, line] of request.lines.entries()) {
    const field = `${linesField}[${index}]`;
    if (request.synthetic && line.productId !== TEST_PRODUCT) {
      validation.add(`${field}.product_id`, `must be ${TEST_PRODUCT} for a synthetic order`);
    }
    const first = firstIndexes.get(line.productId);
    if (first === undefined) firstIndexes.set(line.productId, index);
    else validation.add(`${field}.product_id`, `is the product of ${linesField}[${first}] again`);
  }
}

/** A valid request, ready to be decided alone or with others. What is logged and published about it is part of its trace. */
export type ReserveIntent = DraftWithEvent & {
  readonly request: ReserveRequest;
  readonly inTrace: <T>(work: () => T) => T;
};

/** Prepares a valid request, in the current trace. */
export function prepareReserve(
  { newId, now }: Pick<InventoryDependencies, 'newId' | 'now'>,
  request: ReserveRequest,
): ReserveIntent {
  return runWithCorrelation(request.orderId, () => {
    const draft: ReservationDraft = {
      orderId: request.orderId,
      synthetic: request.synthetic,
      lines: sortLines(request.lines),
      reservationId: newId(),
      time: now(),
    };
    const inTrace = keepContextOf((work: () => unknown) => work()) as ReserveIntent['inTrace'];
    return { request, draft, event: stockReservedEvent(draft), inTrace };
  });
}

/**
 * Reserves for each order all its lines, or stores its rejection, unless the order was decided before. Runs inside or outside a
 * transaction; the caller wakes the relay once new decisions are committed. No two intents are of one order.
 */
export async function reserveTogether(
  { log }: Pick<InventoryDependencies, 'log'>,
  queryable: Queryable,
  intents: readonly ReserveIntent[],
): Promise<ReserveDecision[]> {
  const results = await insertReservations(queryable, intents);
  const decisions: ReserveDecision[] = [];
  for (const [index, intent] of intents.entries()) {
    const result = results?.[index] ?? (await insertReservations(queryable, [intent]))?.[0];
    decisions.push(await completeDecision(queryable, intent, result));
  }
  for (const [index, decision] of decisions.entries()) {
    if (decision.isNew) intents[index]?.inTrace(() => logDecision(log, decision.reservation));
  }
  return decisions;
}

async function completeDecision(
  queryable: Queryable,
  { draft, inTrace }: ReserveIntent,
  result: ReserveResult | undefined,
): Promise<ReserveDecision> {
  if (result?.kind === 'reserved') return { reservation: result.reservation, isNew: true };
  if (result?.kind === 'decided') return { reservation: result.reservation, isNew: false };
  if (result?.kind === 'short') {
    const event = inTrace(() => insufficientStockEvent(draft, result.shortages));
    const rejected = await insertRejection(queryable, draft, result.shortages, event);
    if (rejected !== undefined) return { reservation: rejected, isNew: true };
  }
  // A concurrent call committed after our statement took its snapshot: only a new statement sees that decision.
  const current = await findReservation(queryable, draft.orderId);
  if (current === undefined) throw new Error(`order ${draft.orderId} is decided, yet has no reservation`);
  return { reservation: current, isNew: false };
}

function logDecision(log: InventoryDependencies['log'], { reservationId, state, shortages }: Reservation): void {
  if (state === 'RESERVED') log.info({ reservation_id: reservationId }, 'stock reserved');
  else {
    const fields = { shortages: shortages.slice(0, MAX_LOGGED_SHORTAGES), shortage_count: shortages.length };
    log.info({ reservation_id: reservationId, ...fields }, 'reservation rejected: not enough stock');
  }
}
