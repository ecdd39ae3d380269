// Mapping of products and reservations to messages of the contract.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ProductSchema, type ReservationSchema, ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { countAvailable, type Product } from './product.ts';
import type { Reservation } from './reservation.ts';

/** Maps a product to `shop.inventory.v1.Product`. */
export function toProductMessage(product: Product): MessageInitShape<typeof ProductSchema> {
  return { ...product, available: countAvailable(product), updateTime: timestampFromDate(product.updateTime) };
}

/** Maps a reservation to `shop.inventory.v1.Reservation`. A rejected one never held stock, so it has shortages and no lines. */
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
