// ReserveStock: sets stock aside for an order, all lines or none.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ReserveStockRequest, ReserveStockResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toReservationMessage } from './inventory-messages.ts';
import { findReserveFault } from './reservation.ts';
import { setStockAside, validateStockRequest } from './set-stock-aside.ts';

/**
 * Answers with the order's reservation as it stands: reserved, or sold since. `headers` are the call's.
 * Throws INSUFFICIENT_STOCK, RESERVATION_RELEASED, RESERVATION_MISMATCH or SYNTHETIC_NOT_ALLOWED.
 */
export async function reserveStock(
  dependencies: InventoryDependencies,
  request: ReserveStockRequest,
  headers = new Headers(),
): Promise<MessageInitShape<typeof ReserveStockResponseSchema>> {
  const validation = createValidation();
  validateStockRequest(request, 'lines', validation);
  validation.throwIfInvalid();
  if (request.synthetic) requireSyntheticCredential(headers, dependencies.syntheticCredential);

  const { reservation, isNew } = await setStockAside(dependencies, dependencies.database, request);
  if (isNew) dependencies.wakeRelay();
  const fault = findReserveFault(reservation, request.lines);
  if (fault !== undefined) throw fault;
  return { reservation: toReservationMessage(reservation) };
}
