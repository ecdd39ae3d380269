// One order's journey through the running platform, over every protocol.
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotificationType } from '#gen/shop/notification/v1/notification_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { callUnary, connectByReflection } from '../support/reflection-client.ts';
import { orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

describe('the journey of an order', () => {
  let platform: TestStack;

  beforeAll(async () => {
    platform = await useSharedStack('steady');
  });
  afterAll(() => platform?.[Symbol.asyncDispose]());

  const overTransport = (create: (baseUrl: string) => Transport): Client<typeof OrderService> =>
    createClient(OrderService, create(platform.stack.url('order')));

  it.each<[string, (baseUrl: string) => Transport]>([
    ['Connect over HTTP/2', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' })],
    ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
    ['gRPC-Web with the client of browsers', (baseUrl) => createGrpcWebTransport({ baseUrl })],
  ])('reaches CONFIRMED by %s and is watched to its end', async (_, createTransport) => {
    const orders = overTransport(createTransport);

    const { order, outcome } = await orders.createOrder(orderRequest());
    const seen: OrderStatus[] = [];
    for await (const update of orders.watchOrder({ orderId: order?.orderId ?? '' })) {
      seen.push(update.order?.status ?? OrderStatus.UNSPECIFIED);
    }

    expect(outcome).toBe(Outcome.CONFIRMED);
    expect(seen.at(-1)).toBe(OrderStatus.CONFIRMED);
  });

  it('reaches CONFIRMED by grpc-js with reflection only', async () => {
    const address = new URL(platform.stack.url('order')).host;
    const client = await connectByReflection(address, 'shop.order.v1.OrderService');
    try {
      const answer = await callUnary<{ outcome: string; order: { status: string; total: { minor_units: string } } }>(
        client,
        'createOrder',
        sampleOrderAsJson(),
      );

      expect(answer).toMatchObject({
        outcome: 'OUTCOME_CONFIRMED',
        order: { status: 'ORDER_STATUS_CONFIRMED', total: { minor_units: '5999' } },
      });
    } finally {
      client.close();
    }
  });

  it('reaches CONFIRMED by plain JSON over HTTP/1.1', async () => {
    const response = await fetch(`${platform.stack.url('order')}/shop.order.v1.OrderService/CreateOrder`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sampleOrderAsJson()),
    });

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      outcome: 'OUTCOME_CONFIRMED',
      order: { status: 'ORDER_STATUS_CONFIRMED', total: { currencyCode: 'EUR', minorUnits: '5999' } },
    });
  });

  it('an order of two prod456 leaves 98 within five seconds', { tags: 'seed-5.4' }, async () => {
    await platform.orders.createOrder(orderRequest({ items: [{ productId: 'prod456', quantity: 2 }] }));

    await expect
      .poll(() => platform.inventory.checkAvailability({ productId: 'prod456' }), { timeout: 5_000, interval: 50 })
      .toMatchObject({ available: true, quantity: 98 });
  });

  it('the customer gets one mail within five seconds of the confirmation', { tags: 'seed-5.5' }, async () => {
    const customerId = 'cust123';
    const { order, outcome } = await platform.orders.createOrder(orderRequest({ customerId }));
    expect(outcome).toBe(Outcome.CONFIRMED);
    const { orderId } = order!;
    const notifications = async () =>
      (await platform.notifications.listNotifications({ customerId })).notifications.filter(
        (notification) => notification.orderId === orderId,
      );
    const mails = async () => (await platform.mails(customerId)).filter(({ text }) => text.includes(orderId));

    await expect
      .poll(notifications, { timeout: 5_000, interval: 50 })
      .toMatchObject([{ customerId, type: NotificationType.ORDER_CONFIRMATION }]);
    await expect.poll(mails, { timeout: 5_000, interval: 50 }).toHaveLength(1);
  });

  it('fails with the reason when the customer has insufficient funds, and releases the stock', async () => {
    const before = await platform.inventory.getProduct({ productId: 'prod789' });
    const { order, outcome } = await platform.orders.createOrder(
      orderRequest({ items: [{ productId: 'prod789', quantity: 3 }], paymentMethod: 'pm_insufficient_funds' }),
    );
    const after = await platform.inventory.getProduct({ productId: 'prod789' });

    expect(outcome).toBe(Outcome.FAILED);
    expect(order?.status).toBe(OrderStatus.FAILED);
    expect(order?.timeline.map((entry) => entry.detail)).toContainEqual(expect.stringContaining('Insufficient funds'));
    expect(after.product?.available).toBe(before.product?.available);
  });

  it('logs no secret of a payment or a connection', async () => {
    await platform.orders.createOrder(orderRequest({ paymentMethod: 'pm_expired_card' }));

    const output = (await platform.readOutput()).join('\n');

    expect(output).toContain('"msg":"serving"');
    expect(output).not.toContain('pm_expired_card');
    expect(output).not.toContain(new URL(platform.stack.databaseUrl('order')).password);
    expect(output).not.toContain(new URL(platform.stack.natsUrl('order')).password);
  });
});

// With the field names of the schema, as people type them.
function sampleOrderAsJson() {
  return {
    idempotency_key: crypto.randomUUID(),
    customer_id: 'cust123',
    items: [{ product_id: '12345', quantity: 1 }],
    payment_method: 'pm_approved',
  };
}
