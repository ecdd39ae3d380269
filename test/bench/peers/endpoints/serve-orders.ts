// CreateOrder for an engine that is a library of the process that takes the orders.
import { OrderService } from '../../../../gen/shop/order/v1/order_service_pb.ts';
import { createRpcServer } from '../../../../packages/rpc-server/index.ts';
import type { OrderOutcome, PlacedOrder } from '../order-steps.ts';
import { toPlacedOrder, toResponse } from './order-messages.ts';

/** Serves on a free loopback port. */
export async function serveOrders(
  place: (order: PlacedOrder) => Promise<OrderOutcome>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createRpcServer({
    routes: (router) =>
      router.service(OrderService, {
        createOrder: async (request) => {
          const order = toPlacedOrder(request);
          return toResponse(order.orderId, await place(order));
        },
      }),
  });
  const { url } = await server.listen();
  return { url, [Symbol.asyncDispose]: async () => void (await server.stop({ graceMs: 0 })) };
}
