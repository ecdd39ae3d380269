// Products and reservations as the contract's messages.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ProductSchema, type ReservationSchema, ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { countAvailable, type Product } from './product.ts';
import type { Reservation } from './reservation.ts';

/** A product as callers see it. */
export function toProductMessage(product: Product): MessageInitShape<typeof ProductSchema> {
  return { ...product, available: countAvailable(product), updateTime: timestampFromDate(product.updateTime) };
}

/** A reservation as callers see it. A rejected one never held anything, so it shows what was missing and no lines. */
export function toReservationMessage(reservation: Reservation): MessageInitShape<typeof ReservationSchema> {
  const { orderId, reservationId, lines, shortages } = reservation;
  return {
    orderId,
    reservationId,
    state: ReservationState[reservation.state],
    lines: shortages.length > 0 ? [] : [...lines],
    shortages: [...shortages],
    updateTime: timestampFromDate(reservation.updateTime),
  };
}
