// rpc GetOrder: returns one order as it is stored.
import type { GetOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { notFound } from '../platform/base/errors.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Order } from './order.ts';
import { toOrderMessage } from './order-messages.ts';
import type { OrderStore } from './order-store.ts';

/**
 * Returns the order.
 * @throws {DomainError} INVALID_REQUEST, or ORDER_NOT_FOUND.
 */
export async function getOrder(store: Pick<OrderStore, 'find'>, request: GetOrderRequest) {
  return { order: toOrderMessage(await requireOrder(store, request.orderId)) };
}

/**
 * Finds an order by an id as a client sent it.
 * @throws {DomainError} INVALID_REQUEST, or ORDER_NOT_FOUND.
 */
export async function requireOrder(store: Pick<OrderStore, 'find'>, orderId: string): Promise<Order> {
  requireOrderId(orderId);
  const order = await store.find(orderId);
  if (order === undefined) throw orderNotFound(orderId);
  return order;
}

/**
 * Checks an id as a client sent it.
 * @throws {DomainError} INVALID_REQUEST.
 */
export function requireOrderId(orderId: string): void {
  const validation = createValidation();
  validation.text('order_id', orderId);
  validation.throwIfInvalid();
}

/** The error for an order that does not exist. */
export function orderNotFound(orderId: string) {
  return notFound('ORDER_NOT_FOUND', `there is no order ${orderId}`);
}
