// rpc ListOrders: returns a page of orders, newest first.
import type { ListOrdersRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import type { Call } from '../platform/server/call.ts';
import { cutPage, isTimeAndText, parsePage } from '../platform/storage/page.ts';
import { type OrderStatus, requireOwnCustomerId } from './order.ts';
import { fromStatusMessage, toOrderMessage } from './order-messages.ts';
import type { OrderStore } from './order-store.ts';

/**
 * Returns the page.
 * @throws {DomainError} INVALID_REQUEST.
 */
export async function listOrders(
  store: Pick<OrderStore, 'list'>,
  request: ListOrdersRequest,
  { caller }: Pick<Call, 'caller'>,
) {
  const validation = createValidation();
  validation.optionalText('customer_id', request.customerId);
  const status = parseStatus(request, validation);
  const list = { filter: ['orders', request.customerId, request.status], keyCount: 2, areKeys: isTimeAndText };
  const page = parsePage(request, list, validation);
  validation.throwIfInvalid();
  if (request.customerId !== '') requireOwnCustomerId(caller, request.customerId);
  const filter =
    caller.kind === 'customer' ? { customerId: caller.id, excludeGuests: true } : { customerId: request.customerId };
  const orders = await store.list({ ...filter, status }, page);
  const { rows, nextPageToken } = cutPage(orders, page, (order) => [order.createTime.toISOString(), order.orderId]);
  return { orders: rows.map(toOrderMessage), nextPageToken };
}

function parseStatus(request: ListOrdersRequest, validation: Validation): OrderStatus | undefined {
  try {
    return fromStatusMessage(request.status);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    validation.add('status', error.message);
    return undefined;
  }
}
