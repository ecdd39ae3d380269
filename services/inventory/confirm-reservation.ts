// ConfirmReservation: sells what is set aside for an order.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ConfirmReservationRequest,
  ConfirmReservationResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { decideSale, type Reservation } from './reservation.ts';
import { findReservation, sellReserved } from './reservation-store.ts';

// A reservation only ever moves forward: unknown, reserved, ended. Each try finds it at least one step further.
const MAX_TRIES = 3;

/**
 * Sells once, however often it is repeated, and answers with the reservation.
 * Throws RESERVATION_NOT_FOUND, RESERVATION_RELEASED, INSUFFICIENT_STOCK or RESERVATION_MISMATCH.
 */
export async function confirmReservation(
  dependencies: InventoryDependencies,
  request: ConfirmReservationRequest,
): Promise<MessageInitShape<typeof ConfirmReservationResponseSchema>> {
  const validation = createValidation();
  validation.text('order_id', request.orderId);
  validation.optionalText('reservation_id', request.reservationId);
  validation.throwIfInvalid();

  const reservation = await runWithCorrelation(request.orderId, () => sell(dependencies, request));
  return { reservation: toReservationMessage(reservation) };
}

async function sell(
  { database, log, now }: InventoryDependencies,
  request: ConfirmReservationRequest,
): Promise<Reservation> {
  const { orderId, reservationId } = request;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const sold = await sellReserved(database, { orderId, reservationId, time: now() });
    if (sold !== undefined) {
      log.info({ reservation_id: sold.reservationId }, 'stock sold');
      return sold;
    }
    const present = await findReservation(database, orderId);
    if (decideSale(orderId, present, reservationId) === 'done' && present !== undefined) return present;
  }
  throw new Error(`the reservation of order ${orderId} does not stay what it is`);
}
