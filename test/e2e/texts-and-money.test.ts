// Texts and amounts that few customers have, through every service of the running platform to what people read.
import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { NotificationStatus } from '#gen/shop/notification/v1/notification_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { openPublisher } from '../support/events.ts';
import { callForTrailers } from '../support/grpc-trailers.ts';
import { addProduct, awaitOrder, orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const PATIENCE = { timeout: 60_000, interval: 50 };

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

it.each([
  ['JPY', 5_000n, '5000 JPY'],
  ['KWD', 1_234n, '1.234 KWD'],
])(
  'an order in %s is charged, and its mail has the amount as people write it',
  async (currencyCode, minorUnits, shown) => {
    const productId = await addProduct(platform, { currencyCode, minorUnits });
    const customerId = `customer-${randomUUID()}`;

    const { order } = await platform.orders.createOrder(
      orderRequest({ customerId, items: [{ productId, quantity: 1 }] }),
    );

    expect((await awaitOrder(platform, order?.orderId)).total).toMatchObject({ currencyCode, minorUnits });
    await expect
      .poll(async () => (await platform.mails(customerId)).map(({ text }) => text), PATIENCE)
      .toEqual([expect.stringContaining(`Total: ${shown}`)]);
  },
);

it('a customer with an id of 128 emoji is charged and gets a mail', async () => {
  const customerId = `${'🎁'.repeat(92)}${randomUUID()}`;

  const { order } = await platform.orders.createOrder(orderRequest({ customerId }));

  expect((await awaitOrder(platform, order?.orderId)).customerId).toBe(customerId);
  const notifications = async () => (await platform.notifications.listNotifications({ customerId })).notifications;
  await expect.poll(notifications, PATIENCE).toMatchObject([{ customerId, status: NotificationStatus.SENT }]);
});

it('an order with a hundred faults is refused in trailers that every gRPC client accepts, and its process goes on', async () => {
  const items = Array.from({ length: 100 }, (_, index) => ({ productId: `${'店'.repeat(129)}${index}`, quantity: -1 }));

  const { trailers, bytes } = await callForTrailers(
    platform.stack.url('order'),
    OrderService.method.createOrder,
    orderRequest({ items }),
  );

  expect(trailers['grpc-status']).toBe(String(Code.InvalidArgument));
  expect(bytes).toBeLessThan(8_192);
  await awaitOrder(platform, (await platform.orders.createOrder(orderRequest())).order?.orderId);
});

it('an event with a text that its contract forbids becomes a dead letter of every consumer, which goes on', async () => {
  const [broken, sound] = [randomUUID(), randomUUID()];
  await using publisher = await openPublisher((name) => platform.stack.natsUrl(name), 'inventory');
  for (const [id, orderId] of [
    [broken, 'order\u202e1'],
    [sound, randomUUID()],
  ] as const) {
    const event = { orderId, reserveTime: timestampFromDate(new Date()) };
    await publisher.publish({
      ...createEvent('/test', StockReservedSchema, event, new Date()),
      id,
      headers: { 'ce-id': id },
    });
  }

  for (const service of ['order', 'analytics'] as const) {
    const ops = platform.client(service, OpsService);
    const letters = async () => (await ops.listDeadLetters({ pageSize: 200 })).deadLetters;
    const ofBroken = async () => (await letters()).filter(({ eventId }) => eventId === broken);
    await expect
      .poll(ofBroken, PATIENCE)
      .toMatchObject([{ error: expect.stringContaining('order_id: must not contain') }]);
    await expect
      .poll(async () => (await ops.getStatus({})).status?.consumers, PATIENCE)
      .toEqual(expect.arrayContaining([expect.objectContaining({ stream: 'SHOP_INVENTORY', unacknowledged: 0n })]));
    expect((await letters()).filter(({ eventId }) => eventId === sound)).toEqual([]);
    for (const { deadLetterId } of await ofBroken()) await ops.discardDeadLetter({ deadLetterId });
  }
});
