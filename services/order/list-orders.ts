// rpc ListOrders: returns a page of orders, newest first.
import type { ListOrdersRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { cutPage, isTimeAndText, parsePage } from '../platform/storage/page.ts';
import type { OrderStatus } from './order.ts';
import { fromStatusMessage, toOrderMessage } from './order-messages.ts';
import type { OrderStore } from './order-store.ts';

/**
 * Returns the page.
 * @throws {DomainError} INVALID_REQUEST.
 */
export async function listOrders(store: Pick<OrderStore, 'list'>, request: ListOrdersRequest) {
  const validation = createValidation();
  validation.optionalText('customer_id', request.customerId);
  const status = parseStatus(request, validation);
  const list = { filter: ['orders', request.customerId, request.status], keyCount: 2, areKeys: isTimeAndText };
  const page = parsePage(request, list, validation);
  validation.throwIfInvalid();
  const orders = await store.list({ customerId: request.customerId, status }, page);
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
