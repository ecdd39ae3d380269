// rpc GetOrder: returns one order as it is stored.
import type { GetOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { notFound } from '../platform/base/errors.ts';
import type { Caller } from '../platform/identity/caller.ts';
import type { Call } from '../platform/server/call.ts';
import { mayAccess, type Order } from './order.ts';
import { toOrderMessage } from './order-messages.ts';
import type { OrderStore } from './order-store.ts';

/**
 * Returns the order.
 * @throws {DomainError} ORDER_NOT_FOUND.
 */
export async function getOrder(
  store: Pick<OrderStore, 'find'>,
  request: GetOrderRequest,
  { caller }: Pick<Call, 'caller'>,
) {
  return { order: toOrderMessage(await requireOrder(store, request.orderId, caller)) };
}

/**
 * Finds an order by an id as a client sent it.
 * @throws {DomainError} ORDER_NOT_FOUND, also for an order that the caller may not see.
 */
export async function requireOrder(store: Pick<OrderStore, 'find'>, orderId: string, caller: Caller): Promise<Order> {
  const order = await store.find(orderId);
  if (order === undefined || !mayAccess(caller, order)) throw orderNotFound(orderId);
  return order;
}

/** The error for an order that does not exist. */
export function orderNotFound(orderId: string) {
  return notFound('ORDER_NOT_FOUND', `there is no order ${orderId}`);
}
