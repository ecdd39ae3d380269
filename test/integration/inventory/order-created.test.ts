// Reserving by event: real OrderCreated events on a real JetStream, before and after the RPC.
import { expect, it, vi } from 'vitest';
import { InsufficientStockSchema, StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { OrderConfirmedSchema, OrderCreatedSchema, OrderFailedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import { publishAgain, publishEvent, readEventBodies, readEvents } from '../../support/events.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import {
  lines,
  orderCreated,
  reasonOf,
  startInventory,
  startInventoryFixture,
} from '../../support/services/inventory.ts';

const SOON = { timeout: 5_000, interval: 25 };

it('reserves the items of an OrderCreated: 98 of 100 and 49 of 50 are left', { tags: 'seed-5.2' }, async () => {
  await using fixture = await startInventoryFixture();
  expect(await fixture.available('prod456')).toBe(100);
  expect(await fixture.available('prod789')).toBe(50);

  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord123', ['prod456', 2], ['prod789', 1]));

  await expect.poll(() => fixture.available('prod456'), SOON).toBe(98);
  expect(await fixture.available('prod789')).toBe(49);
  await expect.poll(() => readEventBodies(fixture.nats, StockReservedSchema), SOON).toHaveLength(1);
  const [reserved] = await readEventBodies(fixture.nats, StockReservedSchema);
  expect(reserved).toMatchObject({ orderId: 'ord123', version: 1n, synthetic: false });
  expect(reserved?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
});

it('answers an order for more than is available with exactly one InsufficientStock and unchanged stock', {
  tags: 'seed-5.3',
}, async () => {
  await using fixture = await startInventoryFixture();

  const event = await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord124', ['prod456', 200]));
  const subject = 'shop.inventory.v1.InsufficientStock';
  await expect.poll(() => readEvents(fixture.nats, subject), SOON).toHaveLength(1);
  await publishAgain(fixture.nats, event);
  await fixture.settled({ applied: 1, duplicate: 1 });

  const [stored, ...more] = await readEvents(fixture.nats, subject);
  expect(more).toEqual([]);
  expect(stored).toMatchObject({ stream: 'SHOP_INVENTORY', subject });
  const [body] = await readEventBodies(fixture.nats, InsufficientStockSchema);
  expect(body).toMatchObject({
    orderId: 'ord124',
    shortages: [{ productId: 'prod456', requested: 200, available: 100 }],
  });
  expect(await fixture.available('prod456')).toBe(100);
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReserved')).toEqual([]);
});

it('reserves once for an event that is delivered twice and for two events of one order', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = orderCreated('ord1', ['prod456', 3]);

  const event = await publishEvent(fixture.nats, OrderCreatedSchema, wanted);
  await publishAgain(fixture.nats, event);
  await publishEvent(fixture.nats, OrderCreatedSchema, wanted);
  await fixture.settled({ applied: 2, duplicate: 1 });

  expect(await fixture.available('prod456')).toBe(97);
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReserved')).toHaveLength(1);
});

it('passes the trace and the envelope of the order on to the events it publishes', async () => {
  await using fixture = await startInventoryFixture();

  const event = await runInSpan({ name: 'order', kind: SpanKind.INTERNAL }, () =>
    publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 1])),
  );
  await expect.poll(() => readEvents(fixture.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(1);

  const [reserved] = await readEvents(fixture.nats, 'shop.inventory.v1.StockReserved');
  expect(reserved?.headers).toMatchObject({
    'ce-specversion': '1.0',
    'ce-type': 'shop.inventory.v1.StockReserved',
    'ce-source': '/shop/inventory',
    'content-type': 'application/protobuf',
    'nats-msg-id': reserved?.id,
  });
  const traceId = traceIdOf(event.headers.traceparent);
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(traceIdOf(reserved?.headers.traceparent)).toBe(traceId);
});

it('finds the stream of an order service that starts after it', async () => {
  await using database = await createTestDatabase('inventory');
  await using nats = await startTestNats();
  await using inventory = await startInventory({ database, nats });

  await publishEvent(nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));

  await expect.poll(() => inventory.available('prod456'), SOON).toBe(98);
});

it('answers the RPC of an order that its event has reserved with that reservation', async () => {
  await using fixture = await startInventoryFixture();
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2], ['prod789', 1]));
  await expect.poll(() => fixture.available('prod456'), SOON).toBe(98);

  const wanted = { orderId: 'ord1', lines: lines(['prod789', 1], ['prod456', 2]) };
  const { reservation } = await fixture.client.reserveStock(wanted);

  expect(reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RESERVED });
  await expect.poll(() => readEventBodies(fixture.nats, StockReservedSchema), SOON).toHaveLength(1);
  const [event] = await readEventBodies(fixture.nats, StockReservedSchema);
  expect(reservation?.reservationId).toBe(event?.reservationId);
  expect(await fixture.available('prod456')).toBe(98);
});

it('changes nothing by the event of an order that the RPC has reserved, confirmed or rejected', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.reserveStock({ orderId: 'reserved', lines: lines(['prod456', 2]) });
  await fixture.client.reserveStock({ orderId: 'sold', lines: lines(['prod456', 3]) });
  await fixture.client.confirmReservation({ orderId: 'sold' });
  expect(await reasonOf(fixture.client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 99]) }))).toBe(
    'INSUFFICIENT_STOCK',
  );
  // Now there would be enough, but the rejection is final.
  await fixture.client.adjustStock({ idempotencyKey: 'restock', productId: 'prod456', delta: 500 });

  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('reserved', ['prod456', 2]));
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('sold', ['prod456', 3]));
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('refused', ['prod456', 99]));
  await fixture.settled({ applied: 3 });

  const { product } = await fixture.client.getProduct({ productId: 'prod456' });
  expect(product).toMatchObject({ onHand: 597, reserved: 2, available: 595, sold: 3n });
  expect(await reasonOf(fixture.client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 99]) }))).toBe(
    'INSUFFICIENT_STOCK',
  );
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReserved')).toHaveLength(2);
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.InsufficientStock')).toHaveLength(1);
});

it('refuses the RPC of an order that its event has rejected', async () => {
  await using fixture = await startInventoryFixture();
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 200], ['unknown', 1]));
  await fixture.settled({ applied: 1 });

  const call = fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['unknown', 1], ['prod456', 200]) });

  expect(await reasonOf(call)).toBe('INSUFFICIENT_STOCK');
});

it('does not reserve by an event delivered after the release of its order', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.releaseReservation({ orderId: 'ord1' });

  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));
  await fixture.settled({ applied: 1 });

  expect(await fixture.available('prod456')).toBe(100);
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReserved')).toEqual([]);
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReleased')).toEqual([]);
});

it('releases by RPC what an event has reserved', async () => {
  await using fixture = await startInventoryFixture();
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));
  await expect.poll(() => fixture.available('prod456'), SOON).toBe(98);

  await fixture.client.releaseReservation({ orderId: 'ord1' });

  expect(await fixture.available('prod456')).toBe(100);
});

it('ignores every other event of the order service', async () => {
  await using fixture = await startInventoryFixture();
  await publishEvent(fixture.nats, OrderConfirmedSchema, { orderId: 'ord1', items: lines(['prod456', 5]) });
  await publishEvent(fixture.nats, OrderFailedSchema, { orderId: 'ord1' });
  await fixture.settled({ ignored: 2 });

  expect(await fixture.available('prod456')).toBe(100);
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_NOT_FOUND');
});

it('stores an event with invalid content as a dead letter, and applies the later ones', async () => {
  await using fixture = await startInventoryFixture();
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('bad', ['prod456', 0], ['prod456', 1]));
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('good', ['prod456', 1]));
  await fixture.settled({ applied: 1, dead_letter: 1 });

  const { deadLetters } = await fixture.ops.listDeadLetters({});
  expect(deadLetters).toMatchObject([{ subject: 'shop.order.v1.OrderCreated', attempts: 1 }]);
  expect(deadLetters[0]?.error).toContain('items[0].quantity');
  expect(deadLetters[0]?.error).toContain('items[1].product_id');
  expect(await fixture.available('prod456')).toBe(99);
});

it('applies an event once when two replicas consume', async () => {
  await using fixture = await startInventoryFixture();
  await using second = await fixture.startReplica();
  const orders = Array.from({ length: 20 }, (_, index) => `ord${index}`);

  const events = await Promise.all(
    orders.map((orderId) => publishEvent(fixture.nats, OrderCreatedSchema, orderCreated(orderId, ['prod456', 1]))),
  );
  await Promise.all(events.map((event) => publishAgain(fixture.nats, event)));

  await vi.waitFor(async () => {
    const { status } = await second.ops.getStatus({});
    expect(status?.consumers).toMatchObject([{ pending: 0n, unacknowledged: 0n }]);
  }, SOON);
  expect(await fixture.available('prod456')).toBe(80);
  await expect.poll(() => readEvents(fixture.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(20);
});

it('reserves by event what was ordered while it was down', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.stopInventory();
  await publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));

  await using again = await fixture.startReplica();

  await expect.poll(() => again.available('prod456'), SOON).toBe(98);
});
