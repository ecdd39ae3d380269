// The reservation aggregate: what a duplicate, a confirm or a release does in each state. Pure.
//
//   RESERVED -> CONFIRMED, RESERVED -> RELEASED, REJECTED -> RELEASED; a release of an unknown order inserts a tombstone (RELEASED).
import { takeFitting } from '../platform/base/error-limits.ts';
import { type DomainError, failedPrecondition, notFound } from '../platform/base/errors.ts';

// An error is sent in headers, whose size is limited: further shortages are counted, not listed.
const MAX_LISTED_SHORTAGES = 10;
const MAX_LISTED_BYTES = 750;

export type ReservationState = 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED';

/** A product and a quantity. */
export type StockLine = { readonly productId: string; readonly quantity: number };

/** A product of which less is available than was requested. */
export type Shortage = { readonly productId: string; readonly requested: number; readonly available: number };

/** The decision about one order. */
export type Reservation = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly state: ReservationState;
  /** The lines of the order, by product id; empty for a tombstone. */
  readonly lines: readonly StockLine[];
  /** The shortages that caused a rejection. */
  readonly shortages: readonly Shortage[];
  /** 1 when created; incremented by every change. */
  readonly version: number;
  readonly synthetic: boolean;
  readonly updateTime: Date;
};

/** What a release has to do in the current state. */
export type ReleaseStep = 'release_reserved' | 'release_rejected' | 'insert_tombstone' | 'done';

/** Sorts lines by product id: the order in which they are stored and compared. */
export function sortLines(lines: readonly StockLine[]): StockLine[] {
  return lines.map(({ productId, quantity }) => ({ productId, quantity })).sort(byProductId);
}

/** Returns whether two lists have the same lines, in any order. */
export function sameLines(left: readonly StockLine[], right: readonly StockLine[]): boolean {
  const sorted = sortLines(right);
  return (
    left.length === right.length &&
    sortLines(left).every(
      (line, index) => line.productId === sorted[index]?.productId && line.quantity === sorted[index]?.quantity,
    )
  );
}

/**
 * Returns the error that refuses a request for these lines: RESERVATION_MISMATCH, INSUFFICIENT_STOCK or RESERVATION_RELEASED;
 * undefined when the lines are reserved or confirmed.
 */
export function findReserveError(reservation: Reservation, lines: readonly StockLine[]): DomainError | undefined {
  if (!isTombstone(reservation) && !sameLines(reservation.lines, lines)) {
    return mismatch(reservation, 'it has other lines');
  }
  switch (reservation.state) {
    case 'REJECTED':
      return insufficientStock(reservation);
    case 'RELEASED':
      return released(reservation);
    case 'RESERVED':
    case 'CONFIRMED':
      return undefined;
  }
}

/**
 * Decides what a confirm has to do. An empty `reservationId` matches every reservation.
 * @throws {DomainError} RESERVATION_NOT_FOUND, RESERVATION_MISMATCH, INSUFFICIENT_STOCK or RESERVATION_RELEASED.
 */
export function decideConfirm(
  orderId: string,
  reservation: Reservation | undefined,
  reservationId: string,
): 'confirm' | 'done' {
  if (reservation === undefined) {
    throw notFound('RESERVATION_NOT_FOUND', `order ${orderId} has no reservation`);
  }
  checkReservationId(reservation, reservationId);
  switch (reservation.state) {
    case 'REJECTED':
      throw insufficientStock(reservation);
    case 'RELEASED':
      throw released(reservation);
    case 'RESERVED':
      return 'confirm';
    case 'CONFIRMED':
      return 'done';
  }
}

/**
 * Decides what a release has to do. An empty `reservationId` matches every reservation.
 * @throws {DomainError} RESERVATION_MISMATCH or RESERVATION_CONFIRMED.
 */
export function decideRelease(reservation: Reservation | undefined, reservationId: string): ReleaseStep {
  if (reservation === undefined) return 'insert_tombstone';
  checkReservationId(reservation, reservationId);
  switch (reservation.state) {
    case 'RESERVED':
      return 'release_reserved';
    case 'REJECTED':
      return 'release_rejected';
    case 'RELEASED':
      return 'done';
    case 'CONFIRMED':
      throw failedPrecondition(
        'RESERVATION_CONFIRMED',
        `the reservation of order ${reservation.orderId} is confirmed`,
        identify(reservation),
      );
  }
}

/** Returns whether the order was released before it was reserved: such a row refuses every later request for stock. */
export function isTombstone(reservation: Reservation): boolean {
  return reservation.state === 'RELEASED' && reservation.lines.length === 0;
}

// The caller never received the id of a tombstone, so any id it sends is accepted.
function checkReservationId(reservation: Reservation, reservationId: string): void {
  if (reservationId === '' || reservationId === reservation.reservationId || isTombstone(reservation)) return;
  throw mismatch(reservation, `its id is not ${reservationId}`);
}

function insufficientStock(reservation: Reservation): DomainError {
  const { orderId, shortages } = reservation;
  const listed = takeFitting(shortages.slice(0, MAX_LISTED_SHORTAGES), MAX_LISTED_BYTES, (shortage) => [
    JSON.stringify(toJson(shortage)),
  ]);
  const words = listed.map(
    (short) => `${short.productId} (${short.requested} requested, ${short.available} available)`,
  );
  const unlisted = shortages.length - listed.length;
  const more = unlisted > 0 ? ` and ${unlisted} more` : '';
  return failedPrecondition('INSUFFICIENT_STOCK', `not enough stock for order ${orderId}: ${words.join(', ')}${more}`, {
    ...identify(reservation),
    shortages: JSON.stringify(listed.map(toJson)),
    shortage_count: String(shortages.length),
  });
}

function toJson({ productId, requested, available }: Shortage) {
  return { product_id: productId, requested, available };
}

function released(reservation: Reservation): DomainError {
  return failedPrecondition(
    'RESERVATION_RELEASED',
    `order ${reservation.orderId} was released: it can no longer reserve stock`,
    identify(reservation),
  );
}

function mismatch(reservation: Reservation, detail: string): DomainError {
  return failedPrecondition(
    'RESERVATION_MISMATCH',
    `the reservation of order ${reservation.orderId} does not match: ${detail}`,
    identify(reservation),
  );
}

function identify({ orderId, reservationId }: Reservation): Record<string, string> {
  return { order_id: orderId, reservation_id: reservationId };
}

function byProductId(left: StockLine, right: StockLine): number {
  if (left.productId === right.productId) return 0;
  return left.productId < right.productId ? -1 : 1;
}
