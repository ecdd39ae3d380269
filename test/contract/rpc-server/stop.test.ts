// What callers of a server that stops are told, in every protocol.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { createRpcServer } from '@touchstone/rpc-server';
import { expect, it } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';

const untilAborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', resolve));

it.each([
  ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '2' })],
  ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '2' })],
])(
  'a stream and an unfinished call of %s end with unavailable, SHUTTING_DOWN and retry advice',
  async (_name, transportTo) => {
    const called = Promise.withResolvers<void>();
    const server = createRpcServer({
      errorDomain: 'shop',
      routes: ({ service }) => {
        service(OrderService, {
          getOrder: async (_request, { signal }) => {
            called.resolve();
            await untilAborted(signal);
            return {};
          },
          async *watchOrder(_request, { signal }) {
            yield {};
            await untilAborted(signal);
          },
        });
      },
    });
    await using _stopped = { [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
    const { url } = await server.listen();
    const orders = createClient(OrderService, transportTo(url));
    const watch = orders.watchOrder({ orderId: 'ord1' })[Symbol.asyncIterator]();
    await watch.next();
    const call = orders.getOrder({ orderId: 'ord1' });
    await called.promise;

    const stopping = server.stop({ graceMs: 0 });
    const failures = await Promise.all(
      [watch.next(), call].map((pending) =>
        pending.then(
          () => undefined,
          (error: unknown) => ConnectError.from(error),
        ),
      ),
    );
    await stopping;

    for (const failure of failures) {
      expect(failure?.code).toBe(Code.Unavailable);
      expect(failure?.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'SHUTTING_DOWN', domain: 'shop' }]);
      expect(failure?.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { nanos: expect.any(Number) } }]);
    }
  },
);
