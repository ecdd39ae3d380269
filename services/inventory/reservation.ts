// What is set aside for an order: its states, and what a repeat, a sale or a release may do in each. Pure.
import { type DomainError, failedPrecondition, notFound } from '../platform/base/errors.ts';

// An error travels in headers, which are small: more shortages than these are counted, not listed.
const LISTED_SHORTAGES = 10;

export type ReservationState = 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED';

/** How many of one product. */
export type StockLine = { readonly productId: string; readonly quantity: number };

/** A product of which there is less than was asked for. */
export type Shortage = { readonly productId: string; readonly requested: number; readonly available: number };

/** What was decided for one order. */
export type Reservation = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly state: ReservationState;
  /** What the order asked for, by product id; empty when it was released before it asked. */
  readonly lines: readonly StockLine[];
  /** What was missing when it was rejected. */
  readonly shortages: readonly Shortage[];
  /** 1 when it is made; grows with every change. */
  readonly version: number;
  readonly synthetic: boolean;
  readonly updateTime: Date;
};

/** What a release has to do: stock is given back, a rejection is closed, an unknown order is barred, or all is done. */
export type ReleaseStep = 'give_back' | 'close' | 'bar' | 'done';

/** Lines in the order of their product ids: the one order they are stored and compared in. */
export function sortLines(lines: readonly StockLine[]): StockLine[] {
  return lines.map(({ productId, quantity }) => ({ productId, quantity })).sort(byProductId);
}

/** Whether lines ask for the same, in whatever order. */
export function sameLines(left: readonly StockLine[], right: readonly StockLine[]): boolean {
  const others = sortLines(right);
  return (
    left.length === right.length &&
    sortLines(left).every(
      (line, index) => line.productId === others[index]?.productId && line.quantity === others[index]?.quantity,
    )
  );
}

/**
 * What is wrong, for someone who asks for these lines, with the reservation as it stands; undefined when they have them.
 * RESERVATION_MISMATCH, INSUFFICIENT_STOCK or RESERVATION_RELEASED.
 */
export function findReserveFault(reservation: Reservation, lines: readonly StockLine[]): DomainError | undefined {
  if (!isBarred(reservation) && !sameLines(reservation.lines, lines)) {
    return mismatch(reservation, 'its lines are other ones');
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
 * What selling a reservation still takes. `reservationId` is checked when not empty.
 * Throws RESERVATION_NOT_FOUND, RESERVATION_MISMATCH, INSUFFICIENT_STOCK or RESERVATION_RELEASED.
 */
export function decideSale(
  orderId: string,
  reservation: Reservation | undefined,
  reservationId: string,
): 'sell' | 'done' {
  if (reservation === undefined) {
    throw notFound('RESERVATION_NOT_FOUND', `nothing was ever set aside for order ${orderId}`);
  }
  checkReservationId(reservation, reservationId);
  switch (reservation.state) {
    case 'REJECTED':
      throw insufficientStock(reservation);
    case 'RELEASED':
      throw released(reservation);
    case 'RESERVED':
      return 'sell';
    case 'CONFIRMED':
      return 'done';
  }
}

/**
 * What releasing an order takes. `reservationId` is checked when not empty. Throws RESERVATION_MISMATCH or
 * RESERVATION_CONFIRMED.
 */
export function decideRelease(reservation: Reservation | undefined, reservationId: string): ReleaseStep {
  if (reservation === undefined) return 'bar';
  checkReservationId(reservation, reservationId);
  switch (reservation.state) {
    case 'RESERVED':
      return 'give_back';
    case 'REJECTED':
      return 'close';
    case 'RELEASED':
      return 'done';
    case 'CONFIRMED':
      throw failedPrecondition(
        'RESERVATION_CONFIRMED',
        `what was set aside for order ${reservation.orderId} is sold`,
        identify(reservation),
      );
  }
}

/** Whether an order was released before it ever asked, so that a late request for stock finds it closed. */
export function isBarred(reservation: Reservation): boolean {
  return reservation.state === 'RELEASED' && reservation.lines.length === 0;
}

// A barred order never got a reservation to name, so no id can contradict it.
function checkReservationId(reservation: Reservation, reservationId: string): void {
  if (reservationId === '' || reservationId === reservation.reservationId || isBarred(reservation)) return;
  throw mismatch(reservation, `its reservation is not ${reservationId}`);
}

function insufficientStock(reservation: Reservation): DomainError {
  const { orderId, shortages } = reservation;
  const listed = shortages.slice(0, LISTED_SHORTAGES);
  const words = listed.map((short) => `${short.productId} (${short.requested} asked for, ${short.available} there)`);
  const unlisted = shortages.length - listed.length;
  const more = unlisted > 0 ? ` and ${unlisted} more` : '';
  return failedPrecondition('INSUFFICIENT_STOCK', `not enough stock for order ${orderId}: ${words.join(', ')}${more}`, {
    ...identify(reservation),
    shortages: JSON.stringify(
      listed.map(({ productId, requested, available }) => ({ product_id: productId, requested, available })),
    ),
    shortage_count: String(shortages.length),
  });
}

function released(reservation: Reservation): DomainError {
  return failedPrecondition(
    'RESERVATION_RELEASED',
    `order ${reservation.orderId} was released: nothing can be set aside for it any more`,
    identify(reservation),
  );
}

function mismatch(reservation: Reservation, detail: string): DomainError {
  return failedPrecondition(
    'RESERVATION_MISMATCH',
    `order ${reservation.orderId} is known otherwise: ${detail}`,
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
