// The events inventory publishes, made from what is about to be stored with them.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { DOMAIN } from '../domain.ts';
import { eventSourceOf } from '../platform/base/domain.ts';
import { createEvent, type OutgoingEvent } from '../platform/messaging/event.ts';
import type { Product } from './product.ts';
import type { Reservation, Shortage } from './reservation.ts';
import type { ReservationDraft } from './reservation-store.ts';

const SOURCE = eventSourceOf(DOMAIN, 'inventory');
// A reservation is made by its first decision.
const FIRST_VERSION = 1n;

/** StockReserved for a reservation about to be made. */
export function tellReserved({ orderId, reservationId, lines, synthetic, time }: ReservationDraft): OutgoingEvent {
  return createEvent(
    SOURCE,
    StockReservedSchema,
    {
      orderId,
      reservationId,
      lines: [...lines],
      synthetic,
      version: FIRST_VERSION,
      reserveTime: timestampFromDate(time),
    },
    time,
  );
}

/** InsufficientStock for a rejection about to be made. */
export function tellInsufficient(draft: ReservationDraft, shortages: readonly Shortage[]): OutgoingEvent {
  const { orderId, synthetic, time } = draft;
  return createEvent(
    SOURCE,
    InsufficientStockSchema,
    { orderId, shortages: [...shortages], synthetic, version: FIRST_VERSION, rejectTime: timestampFromDate(time) },
    time,
  );
}

/** StockReleased for a reservation, as it stands, that is about to be given back. */
export function tellReleased(reservation: Reservation, time: Date): OutgoingEvent {
  const { orderId, reservationId, lines, synthetic } = reservation;
  return createEvent(
    SOURCE,
    StockReleasedSchema,
    {
      orderId,
      reservationId,
      lines: [...lines],
      synthetic,
      version: BigInt(reservation.version + 1),
      releaseTime: timestampFromDate(time),
    },
    time,
  );
}

/** ProductChanged for a product as it is about to be stored. */
export function tellProductChanged(
  product: Pick<Product, 'productId' | 'name' | 'unitPrice' | 'version'>,
  time: Date,
): OutgoingEvent {
  const { productId, name, unitPrice, version } = product;
  return createEvent(
    SOURCE,
    ProductChangedSchema,
    { productId, name, unitPrice, version, changeTime: timestampFromDate(time) },
    time,
  );
}
