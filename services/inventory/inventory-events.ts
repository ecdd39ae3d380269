// The events of inventory, built from the rows that the same transaction stores.
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
// The first decision about an order creates its reservation.
const FIRST_VERSION = 1n;

/** event StockReserved, for a reservation about to be inserted. */
export function stockReservedEvent({
  orderId,
  reservationId,
  lines,
  synthetic,
  time,
}: ReservationDraft): OutgoingEvent {
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

/** event InsufficientStock, for a rejection about to be inserted. */
export function insufficientStockEvent(draft: ReservationDraft, shortages: readonly Shortage[]): OutgoingEvent {
  const { orderId, synthetic, time } = draft;
  return createEvent(
    SOURCE,
    InsufficientStockSchema,
    { orderId, shortages: [...shortages], synthetic, version: FIRST_VERSION, rejectTime: timestampFromDate(time) },
    time,
  );
}

/** event StockReleased, for a reservation that is about to be released: the event has its next version. */
export function stockReleasedEvent(reservation: Reservation, time: Date): OutgoingEvent {
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

/** event ProductChanged, for a product about to be stored. */
export function productChangedEvent(
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
