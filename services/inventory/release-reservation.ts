// rpc ReleaseReservation: releases the reserved stock of an order, and inserts a tombstone for an order that has no reservation.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ReleaseReservationRequest,
  ReleaseReservationResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { stockReleasedEvent } from './inventory-events.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { decideRelease, type Reservation } from './reservation.ts';
import { findReservation, insertTombstone, releaseRejected, releaseReserved } from './reservation-store.ts';

// A reservation only moves forward (unknown, reserved or rejected, confirmed or released), so each try finds it at least one state
// further.
const MAX_TRIES = 3;

/**
 * Releases once, however many duplicates arrive, and returns the reservation. Only the release of reserved stock publishes an event; a
 * rejected or unknown order moves no stock and can never reserve afterwards.
 * @throws {DomainError} RESERVATION_CONFIRMED or RESERVATION_MISMATCH.
 */
export async function releaseReservation(
  dependencies: InventoryDependencies,
  request: ReleaseReservationRequest,
): Promise<MessageInitShape<typeof ReleaseReservationResponseSchema>> {
  const reservation = await runWithCorrelation(request.orderId, () => release(dependencies, request));
  return { reservation: toReservationMessage(reservation) };
}

async function release(dependencies: InventoryDependencies, request: ReleaseReservationRequest): Promise<Reservation> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const current = await findReservation(dependencies.database, request.orderId);
    const released = await takeStep(dependencies, request, current);
    if (released !== undefined) return released;
  }
  throw new Error(`the reservation of order ${request.orderId} changed during every try`);
}

/** Takes the step that the current state calls for; undefined when a concurrent call changed the state first. */
async function takeStep(
  { database, log, now, newId, wakeRelay }: InventoryDependencies,
  { orderId, reservationId }: ReleaseReservationRequest,
  current: Reservation | undefined,
): Promise<Reservation | undefined> {
  const step = decideRelease(current, reservationId);
  if (step === 'insert_tombstone' || current === undefined) {
    const tombstone = await insertTombstone(database, { orderId, reservationId: newId(), time: now() });
    if (tombstone !== undefined) log.info('order released before it was reserved: tombstone inserted');
    return tombstone;
  }
  if (step === 'done') return current;
  const time = now();
  if (step === 'release_rejected') return await releaseRejected(database, orderId, time);
  const reserved = { orderId, reservationId: current.reservationId, time };
  const released = await releaseReserved(database, reserved, stockReleasedEvent(current, time));
  if (released !== undefined) {
    wakeRelay();
    log.info({ reservation_id: released.reservationId }, 'reservation released');
  }
  return released;
}
