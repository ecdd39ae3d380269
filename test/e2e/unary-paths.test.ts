// The order service as its callers reach it over the two paths of unary calls: that of services, and that of all other calls.
import { randomUUID } from 'node:crypto';
import { Code, type ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { awaitOrder, orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

// The handler of all other calls serves this spelling, which means the same.
const spell: Interceptor = (next) => (request) => {
  request.header.set('content-type', 'application/PROTO');
  return next(request);
};
const clientWith = (interceptors: Interceptor[]) =>
  createClient(
    OrderService,
    createConnectTransport({ baseUrl: platform.stack.url('order'), httpVersion: '2', interceptors }),
  );

it('answers like the path of all other calls: an order and its repetition, and each refusal', async () => {
  const order = orderRequest();
  const answers = [];
  for (const client of [clientWith([]), clientWith([spell])]) {
    const { order: placed, outcome } = await client.createOrder(order);
    const refusals = await Promise.all(
      [
        client.createOrder({}),
        client.createOrder({ ...order, customerId: 'another' }),
        client.getOrder({ orderId: placed?.orderId ?? '' }),
      ].map((call) => call.catch(({ code, message, details }: ConnectError) => ({ code, message, details }))),
    );
    answers.push({ orderId: placed?.orderId, outcome, refusals });
  }

  expect(answers[1]).toEqual(answers[0]);
  expect(answers[0]).toMatchObject({
    outcome: Outcome.CONFIRMED,
    refusals: [{ code: Code.InvalidArgument }, { code: Code.FailedPrecondition }, {}],
  });
});

it('keeps an order whose caller resets its call, and confirms it once', async () => {
  const order = orderRequest({ customerId: `cust-${randomUUID()}` });
  const client = clientWith([]);
  const caller = new AbortController();
  const reset = client.createOrder(order, { signal: caller.signal });
  // This answer is there first: the order is on its way.
  await client.createOrder({}).catch(() => undefined);
  caller.abort();
  await Promise.allSettled([reset]);

  const { order: placed } = await platform.orders.createOrder(order);

  await awaitOrder(platform, placed?.orderId);
  const { orders } = await platform.orders.listOrders({ customerId: order.customerId });
  expect(orders.map(({ orderId }) => orderId)).toEqual([placed?.orderId]);
});
