// ReleaseReservation: gives back what is set aside for an order, and bars an order nobody asked for yet.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ReleaseReservationRequest,
  ReleaseReservationResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { tellReleased } from './inventory-events.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { decideRelease, type Reservation } from './reservation.ts';
import { closeRejected, findReservation, giveBackReserved, insertBar } from './reservation-store.ts';

// A reservation only ever moves forward: unknown, reserved or rejected, ended. Each try finds it at least one step further.
const MAX_TRIES = 3;

/**
 * Releases once, however often it is repeated, and answers with the reservation. Only stock that was set aside is given back
 * and told of; a rejected or unknown order just becomes one that can never reserve.
 * Throws RESERVATION_CONFIRMED or RESERVATION_MISMATCH.
 */
export async function releaseReservation(
  dependencies: InventoryDependencies,
  request: ReleaseReservationRequest,
): Promise<MessageInitShape<typeof ReleaseReservationResponseSchema>> {
  const validation = createValidation();
  validation.text('order_id', request.orderId);
  validation.optionalText('reservation_id', request.reservationId);
  validation.throwIfInvalid();

  const reservation = await runWithCorrelation(request.orderId, () => release(dependencies, request));
  return { reservation: toReservationMessage(reservation) };
}

async function release(dependencies: InventoryDependencies, request: ReleaseReservationRequest): Promise<Reservation> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const present = await findReservation(dependencies.database, request.orderId);
    const released = await takeStep(dependencies, request, present);
    if (released !== undefined) return released;
  }
  throw new Error(`the reservation of order ${request.orderId} does not stay what it is`);
}

/** Does what the reservation still needs; undefined when another call was faster. */
async function takeStep(
  { database, log, now, newId, wakeRelay }: InventoryDependencies,
  { orderId, reservationId }: ReleaseReservationRequest,
  present: Reservation | undefined,
): Promise<Reservation | undefined> {
  const step = decideRelease(present, reservationId);
  if (step === 'bar' || present === undefined) {
    const barred = await insertBar(database, { orderId, reservationId: newId(), time: now() });
    if (barred !== undefined) log.info('an order was released before it asked for stock');
    return barred;
  }
  if (step === 'done') return present;
  const time = now();
  if (step === 'close') return await closeRejected(database, orderId, time);
  const held = { orderId, reservationId: present.reservationId, time };
  const released = await giveBackReserved(database, held, tellReleased(present, time));
  if (released !== undefined) {
    wakeRelay();
    log.info({ reservation_id: released.reservationId }, 'stock given back');
  }
  return released;
}
