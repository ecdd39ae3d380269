// The process in which Restate runs the steps of orders: a service of its SDK. Restate's server takes the orders and calls it. SIGTERM
// ends it.
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Context, createEndpointHandler, handlers, serde, service } from '@restatedev/restate-sdk';
import { CreateOrderRequestSchema, CreateOrderResponseSchema } from '../../../../gen/shop/order/v1/order_service_pb.ts';
import { placeOrder } from '../order-steps.ts';
import { createSteps } from '../step-clients.ts';
import { toPlacedOrder, toResponse } from './order-messages.ts';

const steps = createSteps(process.env);
const orders = service({
  name: 'Orders',
  handlers: {
    place: handlers.handler(
      { accept: 'application/proto', input: serde.binary, output: serde.binary },
      async (context: Context, request: Uint8Array): Promise<Uint8Array> => {
        const order = toPlacedOrder(fromBinary(CreateOrderRequestSchema, request));
        const outcome = await placeOrder(order, steps, (name, step) => context.run(name, step));
        return toBinary(CreateOrderResponseSchema, toResponse(order.orderId, outcome));
      },
    ),
  },
});
// Its own `serve` would listen on every address of the machine.
const server = createServer(createEndpointHandler({ services: [orders] }));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
