// rpc ListOrders: returns a page of orders, newest first.
import type { ListOrdersRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import type { Call } from '../platform/server/call.ts';
import { cutPage, isTimeAndText, parsePage, type RequestedPage } from '../platform/storage/page.ts';
import { requireOwnCustomerId } from './order.ts';
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
  const page = readPage(request, validation);
  validation.throwIfInvalid();
  if (request.customerId !== '') requireOwnCustomerId(caller, request.customerId);
  const filter =
    caller.kind === 'customer' ? { customerId: caller.id, excludeGuests: true } : { customerId: request.customerId };
  const orders = await store.list({ ...filter, status: fromStatusMessage(request.status) }, page);
  const { rows, nextPageToken } = cutPage(orders, page, (order) => [order.createTime.toISOString(), order.orderId]);
  return { orders: rows.map(toOrderMessage), nextPageToken };
}

/** Reads the page that is asked for, and adds a violation for a wrong token. */
export function readPage(request: ListOrdersRequest, validation: Validation): RequestedPage {
  const list = { filter: ['orders', request.customerId, request.status], keyCount: 2, areKeys: isTimeAndText };
  return parsePage(request, list, validation);
}
