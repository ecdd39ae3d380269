// rpc ReserveStock: reserves stock for an order, all lines or none.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ReserveStockRequest, ReserveStockResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Call } from '../platform/server/call.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { findReserveError } from './reservation.ts';
import { prepareReserve, validateReserveRequest } from './reserve-lines.ts';

/**
 * Returns the order's reservation in its current state: reserved, or confirmed in the meantime.
 * @throws {DomainError} INSUFFICIENT_STOCK, RESERVATION_RELEASED, RESERVATION_MISMATCH or SYNTHETIC_NOT_ALLOWED.
 */
export async function reserveStock(
  dependencies: InventoryDependencies,
  request: ReserveStockRequest,
  { headers }: Pick<Call, 'headers'>,
): Promise<MessageInitShape<typeof ReserveStockResponseSchema>> {
  const validation = createValidation();
  validateReserveRequest(request, 'lines', validation);
  validation.throwIfInvalid();
  if (request.synthetic) requireSyntheticCredential(headers, dependencies.syntheticCredential);

  const { reservation, isNew } = await dependencies.batches.reserve(prepareReserve(dependencies, request));
  if (isNew) dependencies.wakeRelay();
  const error = findReserveError(reservation, request.lines);
  if (error !== undefined) throw error;
  return { reservation: toReservationMessage(reservation) };
}
