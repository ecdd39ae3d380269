// rpc ConfirmReservation: turns the reserved stock of an order into sold stock.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ConfirmReservationRequest,
  ConfirmReservationResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { decideConfirm, type Reservation } from './reservation.ts';
import { findReservation } from './reservation-store.ts';

// A reservation only moves forward (unknown, reserved, confirmed or released), so each try finds it at least one state further.
const MAX_TRIES = 3;

/**
 * Confirms once, however many duplicates arrive, and returns the reservation.
 * @throws {DomainError} RESERVATION_NOT_FOUND, RESERVATION_RELEASED, INSUFFICIENT_STOCK or RESERVATION_MISMATCH.
 */
export async function confirmReservation(
  dependencies: InventoryDependencies,
  request: ConfirmReservationRequest,
): Promise<MessageInitShape<typeof ConfirmReservationResponseSchema>> {
  const reservation = await runWithCorrelation(request.orderId, () => confirm(dependencies, request));
  return { reservation: toReservationMessage(reservation) };
}

async function confirm(
  { database, batches, log, now }: InventoryDependencies,
  request: ConfirmReservationRequest,
): Promise<Reservation> {
  const { orderId, reservationId } = request;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const confirmed = await batches.confirm({ orderId, reservationId, time: now() });
    if (confirmed !== undefined) {
      log.info({ reservation_id: confirmed.reservationId }, 'reservation confirmed');
      return confirmed;
    }
    const current = await findReservation(database, orderId);
    if (decideConfirm(orderId, current, reservationId) === 'done' && current !== undefined) return current;
  }
  throw new Error(`the reservation of order ${orderId} changed during every try`);
}
