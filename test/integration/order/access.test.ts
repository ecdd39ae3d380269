// Callers meet the running order service: each sees and changes its own orders, and no others.
import { Code, type Interceptor } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { asCaller } from '../../support/identity/credentials.ts';
import { clientBy } from '../../support/raw-call.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { failureOf } from '../../support/stack.ts';

let fixture: OrderFixture;
beforeAll(async () => {
  fixture = await startOrderFixture();
});
afterAll(() => fixture?.[Symbol.asyncDispose]());

const NO_CREDENTIALS: Interceptor = (next) => next;
const clientOf = (caller: Interceptor, url = fixture.service.url) => clientBy('gRPC', url, OrderService, caller);
const customer = (id: string) => clientOf(asCaller('customer', id));
const guest = () => clientOf(NO_CREDENTIALS);

async function place(customerId: string): Promise<string> {
  const { order } = await customer(customerId).createOrder(validRequest({ customerId }));
  return order?.orderId ?? '';
}

describe('a customer', () => {
  it('reads, lists, quotes and watches what is its own', async () => {
    const orderId = await place('alice');
    const alice = customer('alice');
    expect((await alice.getOrder({ orderId })).order).toMatchObject({ orderId, customerId: 'alice' });
    expect((await alice.listOrders({})).orders.map((order) => order.customerId)).toContain('alice');
    expect(await alice.quoteOrder({ customerId: 'alice', items: [{ productId: '12345', quantity: 1 }] })).toMatchObject(
      { pricingVersion: 'v1' },
    );
    for await (const { order } of alice.watchOrder({ orderId })) expect(order?.orderId).toBe(orderId);
  });

  it.each(['getOrder', 'cancelOrder', 'watchOrder'] as const)(
    'is told by %s that the order of another customer does not exist',
    async (rpc) => {
      const orderId = await place('alice');
      const bob = customer('bob');
      const call =
        rpc === 'watchOrder' ? bob.watchOrder({ orderId })[Symbol.asyncIterator]().next() : bob[rpc]({ orderId });
      expect(await failureOf(call)).toMatchObject({ code: Code.NotFound, reason: 'ORDER_NOT_FOUND' });
    },
  );

  it('lists its own orders only, with and without the filter', async () => {
    await place('alice');
    await place('carol');
    const carol = customer('carol');
    for (const filter of [{}, { customerId: 'carol' }]) {
      const { orders } = await carol.listOrders(filter);
      expect(new Set(orders.map((order) => order.customerId))).toEqual(new Set(['carol']));
    }
  });

  it.each([
    ['createOrder', () => customer('bob').createOrder(validRequest({ customerId: 'alice' }))],
    ['listOrders', () => customer('bob').listOrders({ customerId: 'alice' })],
    [
      'quoteOrder',
      () => customer('bob').quoteOrder({ customerId: 'alice', items: [{ productId: '12345', quantity: 1 }] }),
    ],
  ])('is refused by %s for another customer', async (_, call) => {
    expect(await failureOf(call())).toMatchObject({ code: Code.PermissionDenied, reason: 'NOT_YOUR_CUSTOMER_ID' });
  });

  it('does not get the order of another caller by its key', async () => {
    const idempotencyKey = 'the same key';
    const first = await customer('dave').createOrder(validRequest({ customerId: 'dave', idempotencyKey }));
    const second = await customer('erin').createOrder(validRequest({ customerId: 'erin', idempotencyKey }));
    const again = await customer('dave').createOrder(validRequest({ customerId: 'dave', idempotencyKey }));
    expect(second.order?.orderId).not.toBe(first.order?.orderId);
    expect(again.order?.orderId).toBe(first.order?.orderId);
  });

  it('may have so many pending orders, and a duplicate of one of them is answered', async () => {
    await using limited = await startOrderFixture({ MAX_PENDING_ORDERS: '2' });
    limited.payment.virtual.stub(PaymentService.method.processPayment).fails(Code.ResourceExhausted, 'too much to do');
    const frank = clientOf(asCaller('customer', 'frank'), limited.service.url);
    const requests = [1, 2, 3].map(() => validRequest({ customerId: 'frank' }));
    const [first, second, third] = requests;
    const answers = [await frank.createOrder(first ?? {}), await frank.createOrder(second ?? {})];
    expect(answers.map(({ order }) => order?.status)).toEqual([OrderStatus.PENDING, OrderStatus.PENDING]);

    const failure = await failureOf(frank.createOrder(third ?? {}));
    const duplicate = await frank.createOrder(second ?? {});

    expect(failure).toMatchObject({
      code: Code.ResourceExhausted,
      reason: 'TOO_MANY_PENDING_ORDERS',
      retryAfterMs: 5_000,
    });
    expect(duplicate.order?.orderId).toBe(answers[1]?.order?.orderId);
  });
});

describe('a guest', () => {
  it('follows what guests placed, and nothing else', async () => {
    const { order } = await guest().createOrder(validRequest({ customerId: 'gina' }));
    const orderId = order?.orderId ?? '';
    expect((await guest().getOrder({ orderId })).order).toMatchObject({ orderId });
    expect(await failureOf(guest().getOrder({ orderId: await place('hank') }))).toMatchObject({ code: Code.NotFound });
  });

  it('cannot list', async () => {
    expect(await failureOf(guest().listOrders({}))).toMatchObject({
      code: Code.Unauthenticated,
      reason: 'CREDENTIALS_REQUIRED',
    });
  });

  it('who takes the name of a customer shows that customer nothing', async () => {
    const { order } = await guest().createOrder(validRequest({ customerId: 'ivan' }));
    const ivan = customer('ivan');
    const answer = await ivan.getOrder({ orderId: order?.orderId ?? '' }).catch(({ code }) => code);
    expect(answer).toBe(Code.NotFound);
    expect((await ivan.listOrders({})).orders).toEqual([]);
  });
});

it('an operator sees the orders of every caller', async () => {
  const own = await place('jane');
  const { order } = await guest().createOrder(validRequest({ customerId: 'jane' }));
  const { orders } = await clientOf(asCaller('operator', 'op1')).listOrders({ customerId: 'jane' });
  expect(orders.map(({ orderId }) => orderId).sort()).toEqual([own, order?.orderId].sort());
});

it('an order keeps who placed it', async () => {
  const { order } = await customer('kate').createOrder(validRequest({ customerId: 'kate' }));
  const rows = await fixture.sql<{ placed_by: string }>('select placed_by from orders where order_id = $1', [
    order?.orderId,
  ]);
  expect(rows).toEqual([{ placed_by: 'customer:kate' }]);
});
