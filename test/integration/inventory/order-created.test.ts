// Reserving by event: real OrderCreated events on a real JetStream, beside the RPC that may have been faster or slower.
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

it('seed 5.2: reserves what an OrderCreated asks for: 98 of 100 and 49 of 50 are left', async () => {
  await using shelf = await startInventoryFixture();
  expect(await shelf.available('prod456')).toBe(100);
  expect(await shelf.available('prod789')).toBe(50);

  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord123', ['prod456', 2], ['prod789', 1]));

  await expect.poll(() => shelf.available('prod456'), SOON).toBe(98);
  expect(await shelf.available('prod789')).toBe(49);
  await expect.poll(() => readEventBodies(shelf.nats, StockReservedSchema), SOON).toHaveLength(1);
  const [reserved] = await readEventBodies(shelf.nats, StockReservedSchema);
  expect(reserved).toMatchObject({ orderId: 'ord123', version: 1n, synthetic: false });
  expect(reserved?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
});

it('seed 5.3: answers an order for more than there is with exactly one InsufficientStock and leaves the stock alone', async () => {
  await using shelf = await startInventoryFixture();

  const event = await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord124', ['prod456', 200]));
  const subject = 'shop.inventory.v1.InsufficientStock';
  await expect.poll(() => readEvents(shelf.nats, subject), SOON).toHaveLength(1);
  await publishAgain(shelf.nats, event);
  await shelf.settled({ applied: 1, duplicate: 1 });

  const [stored, ...more] = await readEvents(shelf.nats, subject);
  expect(more).toEqual([]);
  expect(stored).toMatchObject({ stream: 'SHOP_INVENTORY', subject });
  const [body] = await readEventBodies(shelf.nats, InsufficientStockSchema);
  expect(body).toMatchObject({
    orderId: 'ord124',
    shortages: [{ productId: 'prod456', requested: 200, available: 100 }],
  });
  expect(await shelf.available('prod456')).toBe(100);
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.StockReserved')).toEqual([]);
});

it('reserves once for an event that is delivered twice and for two events of one order', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = orderCreated('ord1', ['prod456', 3]);

  const event = await publishEvent(shelf.nats, OrderCreatedSchema, wanted);
  await publishAgain(shelf.nats, event);
  await publishEvent(shelf.nats, OrderCreatedSchema, wanted);
  await shelf.settled({ applied: 2, duplicate: 1 });

  expect(await shelf.available('prod456')).toBe(97);
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.StockReserved')).toHaveLength(1);
});

it('carries the trace and the envelope of the order on into the events it answers with', async () => {
  await using shelf = await startInventoryFixture();

  const event = await runInSpan({ name: 'order', kind: SpanKind.INTERNAL }, () =>
    publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 1])),
  );
  await expect.poll(() => readEvents(shelf.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(1);

  const [reserved] = await readEvents(shelf.nats, 'shop.inventory.v1.StockReserved');
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
  await using shelf = await startInventoryFixture();
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2], ['prod789', 1]));
  await expect.poll(() => shelf.available('prod456'), SOON).toBe(98);

  const wanted = { orderId: 'ord1', lines: lines(['prod789', 1], ['prod456', 2]) };
  const { reservation } = await shelf.client.reserveStock(wanted);

  expect(reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RESERVED });
  const [event] = await readEventBodies(shelf.nats, StockReservedSchema);
  expect(reservation?.reservationId).toBe(event?.reservationId);
  expect(await shelf.available('prod456')).toBe(98);
});

it('changes nothing by the event of an order that the RPC has reserved, sold or been refused', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.reserveStock({ orderId: 'reserved', lines: lines(['prod456', 2]) });
  await shelf.client.reserveStock({ orderId: 'sold', lines: lines(['prod456', 3]) });
  await shelf.client.confirmReservation({ orderId: 'sold' });
  expect(await reasonOf(shelf.client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 99]) }))).toBe(
    'INSUFFICIENT_STOCK',
  );
  // Now there would be enough: the refusal stands all the same.
  await shelf.client.adjustStock({ idempotencyKey: 'restock', productId: 'prod456', delta: 500 });

  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('reserved', ['prod456', 2]));
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('sold', ['prod456', 3]));
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('refused', ['prod456', 99]));
  await shelf.settled({ applied: 3 });

  const { product } = await shelf.client.getProduct({ productId: 'prod456' });
  expect(product).toMatchObject({ onHand: 597, reserved: 2, available: 595, sold: 3n });
  expect(await reasonOf(shelf.client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 99]) }))).toBe(
    'INSUFFICIENT_STOCK',
  );
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.StockReserved')).toHaveLength(2);
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.InsufficientStock')).toHaveLength(1);
});

it('refuses the RPC of an order that its event found no stock for', async () => {
  await using shelf = await startInventoryFixture();
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 200], ['unknown', 1]));
  await shelf.settled({ applied: 1 });

  const call = shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['unknown', 1], ['prod456', 200]) });

  expect(await reasonOf(call)).toBe('INSUFFICIENT_STOCK');
});

it('does not reserve by an event that comes after the release of its order', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.releaseReservation({ orderId: 'ord1' });

  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));
  await shelf.settled({ applied: 1 });

  expect(await shelf.available('prod456')).toBe(100);
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.StockReserved')).toEqual([]);
  expect(await readEvents(shelf.nats, 'shop.inventory.v1.StockReleased')).toEqual([]);
});

it('gives back by RPC what an event has reserved', async () => {
  await using shelf = await startInventoryFixture();
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));
  await expect.poll(() => shelf.available('prod456'), SOON).toBe(98);

  await shelf.client.releaseReservation({ orderId: 'ord1' });

  expect(await shelf.available('prod456')).toBe(100);
});

it('ignores every other event of the order service', async () => {
  await using shelf = await startInventoryFixture();
  await publishEvent(shelf.nats, OrderConfirmedSchema, { orderId: 'ord1', items: lines(['prod456', 5]) });
  await publishEvent(shelf.nats, OrderFailedSchema, { orderId: 'ord1' });
  await shelf.settled({ ignored: 2 });

  expect(await shelf.available('prod456')).toBe(100);
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_NOT_FOUND');
});

it('sets an event with impossible content aside, and applies the ones behind it', async () => {
  await using shelf = await startInventoryFixture();
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('bad', ['prod456', 0], ['prod456', 1]));
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('good', ['prod456', 1]));
  await shelf.settled({ applied: 1, dead_letter: 1 });

  const { deadLetters } = await shelf.ops.listDeadLetters({});
  expect(deadLetters).toMatchObject([{ subject: 'shop.order.v1.OrderCreated', attempts: 1 }]);
  expect(deadLetters[0]?.error).toContain('items[0].quantity');
  expect(deadLetters[0]?.error).toContain('items[1].product_id');
  expect(await shelf.available('prod456')).toBe(99);
});

it('applies an event once when two replicas consume', async () => {
  await using shelf = await startInventoryFixture();
  await using second = await shelf.startReplica();
  const orders = Array.from({ length: 20 }, (_, index) => `ord${index}`);

  const events = await Promise.all(
    orders.map((orderId) => publishEvent(shelf.nats, OrderCreatedSchema, orderCreated(orderId, ['prod456', 1]))),
  );
  await Promise.all(events.map((event) => publishAgain(shelf.nats, event)));

  await vi.waitFor(async () => {
    const { status } = await second.ops.getStatus({});
    expect(status?.consumers).toMatchObject([{ pending: 0n, unacknowledged: 0n }]);
  }, SOON);
  expect(await shelf.available('prod456')).toBe(80);
  await expect.poll(() => readEvents(shelf.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(20);
});

it('reserves by event what was ordered while it was away', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.stopInventory();
  await publishEvent(shelf.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2]));

  await using again = await shelf.startReplica();

  await expect.poll(() => again.available('prod456'), SOON).toBe(98);
});
