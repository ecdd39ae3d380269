// The events of an order as the control port reads them from a real broker.
import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { createOrderEventReader } from '#local/control/order-history/order-events.ts';
import { publishEvent } from '../../support/events.ts';
import { startTestNats } from '../../support/nats.ts';

const EVER = { since: new Date(0), until: new Date('2100-01-01') };

it('are those of all streams that name the order, by their time, and no later ones than are asked for', async () => {
  await using nats = await startTestNats();
  const read = createOrderEventReader(async () => ({ url: nats.adminUrl, authority: undefined }));
  const orderId = randomUUID();
  const reserved = await publishEvent(nats, StockReservedSchema, { orderId });
  await publishEvent(nats, OrderCreatedSchema, { orderId: randomUUID() });
  const created = await publishEvent(nats, OrderCreatedSchema, { orderId });

  const { events, truncated } = await read({ ...EVER, orderId });

  expect(events.map(({ stream, subject, eventId }) => [stream, subject, eventId])).toEqual([
    ['SHOP_INVENTORY', 'shop.inventory.v1.StockReserved', reserved.id],
    ['SHOP_ORDER', 'shop.order.v1.OrderCreated', created.id],
  ]);
  expect(events[1]).toMatchObject({ sequence: 2, payload: created.payload });
  expect(truncated).toBe(false);
  expect((await read({ orderId, since: new Date('2100-01-01'), until: EVER.until })).events).toEqual([]);
  const one = createOrderEventReader(async () => ({ url: nats.adminUrl, authority: undefined }), 1);
  expect(await one({ ...EVER, orderId })).toMatchObject({ events: [{ eventId: reserved.id }], truncated: true });
});

it('are in the order in which they were made, though one had to wait for the broker', async () => {
  await using nats = await startTestNats();
  const read = createOrderEventReader(async () => ({ url: nats.adminUrl, authority: undefined }));
  const orderId = randomUUID();
  await publishEvent(nats, StockReservedSchema, { orderId });
  vi.setSystemTime(Date.now() - 60_000);
  await publishEvent(nats, OrderCreatedSchema, { orderId });
  vi.useRealTimers();

  const { events } = await read({ ...EVER, orderId });

  expect(events.map(({ stream }) => stream)).toEqual(['SHOP_ORDER', 'SHOP_INVENTORY']);
});

it('cannot be read while the broker is down, which is said without its password', async () => {
  const url = 'nats://admin:secret@127.0.0.1:1';
  const read = createOrderEventReader(async () => ({ url, authority: undefined }));

  const failure = await read({ ...EVER, orderId: randomUUID() }).catch((error: unknown) => error);

  expect(failure).toMatchObject({ kind: 'unavailable', reason: 'BROKER_UNREADABLE' });
  expect(String(failure)).not.toContain('secret');
});
