// One row per order: reserve, confirm and release in any order, over the wire and in the real database.
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import {
  InsufficientStockSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { callForTrailers } from '../../support/grpc-trailers.ts';
import { failureOf, lines, reasonOf, startInventoryFixture } from '../../support/services/inventory.ts';

it('reserves all lines, answers a duplicate with the same reservation and publishes once', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod789', 1], ['prod456', 2]) };

  const { reservation } = await fixture.client.reserveStock(wanted);
  const duplicate = await fixture.client.reserveStock({ ...wanted, lines: wanted.lines.toReversed() });
  await fixture.settled({});

  expect(reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RESERVED, shortages: [] });
  expect(reservation?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
  expect(duplicate.reservation).toEqual(reservation);
  expect(await readEventBodies(fixture.nats, StockReservedSchema)).toMatchObject([
    { orderId: 'ord1', reservationId: reservation?.reservationId, version: 1n, synthetic: false },
  ]);
  expect((await fixture.client.getProduct({ productId: 'prod456' })).product).toMatchObject({
    onHand: 100,
    reserved: 2,
    available: 98,
    sold: 0n,
    version: 1n,
  });
});

it('reserves nothing when one of several products is short or unknown', async () => {
  await using fixture = await startInventoryFixture();

  const failure = await failureOf(
    fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 51], ['unknown', 1]) }),
  );
  await fixture.settled({});

  const [info] = failure.findDetails(ErrorInfoSchema);
  expect(info).toMatchObject({ reason: 'INSUFFICIENT_STOCK', domain: 'shop', metadata: { order_id: 'ord1' } });
  const shortages = [
    { productId: 'prod789', requested: 51, available: 50 },
    { productId: 'unknown', requested: 1, available: 0 },
  ];
  expect(JSON.parse(info?.metadata.shortages ?? '')).toEqual(
    shortages.map(({ productId, ...numbers }) => ({ product_id: productId, ...numbers })),
  );
  expect(failure.rawMessage).toContain('prod789 (51 requested, 50 available)');
  expect(await fixture.available('prod456')).toBe(100);
  expect(await readEventBodies(fixture.nats, InsufficientStockSchema)).toMatchObject([
    { orderId: 'ord1', shortages, version: 1n },
  ]);
  expect(await readEventBodies(fixture.nats, StockReservedSchema)).toEqual([]);
});

it('keeps a rejection when there is enough stock later', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod789', 51]) };
  expect(await reasonOf(fixture.client.reserveStock(wanted))).toBe('INSUFFICIENT_STOCK');
  await fixture.client.adjustStock({ idempotencyKey: 'restock', productId: 'prod789', delta: 100 });

  expect(await reasonOf(fixture.client.reserveStock(wanted))).toBe('INSUFFICIENT_STOCK');
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'ord1' }))).toBe('INSUFFICIENT_STOCK');
  await fixture.settled({});

  expect(await fixture.available('prod789')).toBe(150);
  expect(await readEventBodies(fixture.nats, InsufficientStockSchema)).toHaveLength(1);
});

it('refuses other lines than before, whatever the state of the first', async () => {
  await using fixture = await startInventoryFixture();
  for (const orderId of ['reserved', 'sold', 'released']) {
    await fixture.client.reserveStock({ orderId, lines: lines(['prod456', 1]) });
  }
  await fixture.client.confirmReservation({ orderId: 'sold' });
  await fixture.client.releaseReservation({ orderId: 'released' });

  for (const orderId of ['reserved', 'sold', 'released']) {
    for (const other of [lines(['prod456', 2]), lines(['prod789', 1]), lines(['prod456', 1], ['prod789', 1])]) {
      expect(await reasonOf(fixture.client.reserveStock({ orderId, lines: other }))).toBe('RESERVATION_MISMATCH');
    }
  }
});

it('confirms once, however many duplicates arrive', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 1]) };
  const { reservation } = await fixture.client.reserveStock(wanted);
  const reservationId = reservation?.reservationId ?? '';

  const first = await fixture.client.confirmReservation({ orderId: 'ord1', reservationId });
  const duplicate = await fixture.client.confirmReservation({ orderId: 'ord1' });

  expect(first.reservation).toMatchObject({ reservationId, state: ReservationState.CONFIRMED });
  expect(duplicate).toEqual(first);
  expect((await fixture.client.reserveStock(wanted)).reservation).toEqual(first.reservation);
  expect(await reasonOf(fixture.client.releaseReservation({ orderId: 'ord1' }))).toBe('RESERVATION_CONFIRMED');
  expect((await fixture.client.getProduct({ productId: 'prod456' })).product).toMatchObject({
    onHand: 98,
    reserved: 0,
    available: 98,
    sold: 2n,
  });
});

it('releases once, publishes once, and can neither reserve nor confirm afterwards', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 1]) };
  const { reservation } = await fixture.client.reserveStock(wanted);
  const reservationId = reservation?.reservationId ?? '';

  const first = await fixture.client.releaseReservation({ orderId: 'ord1', reservationId });
  const duplicate = await fixture.client.releaseReservation({ orderId: 'ord1' });
  await fixture.settled({});

  expect(first.reservation).toMatchObject({ reservationId, state: ReservationState.RELEASED });
  expect(duplicate).toEqual(first);
  expect(await reasonOf(fixture.client.reserveStock(wanted))).toBe('RESERVATION_RELEASED');
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await fixture.available('prod456')).toBe(100);
  const released = await readEventBodies(fixture.nats, StockReleasedSchema);
  expect(released).toMatchObject([{ orderId: 'ord1', reservationId, version: 2n }]);
  expect(released[0]?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
});

it('inserts a tombstone for an order released before it is reserved: a late request is refused', async () => {
  await using fixture = await startInventoryFixture();

  const first = await fixture.client.releaseReservation({ orderId: 'ord1', reservationId: 'from-nowhere' });
  const duplicate = await fixture.client.releaseReservation({ orderId: 'ord1', reservationId: 'from-nowhere' });
  const late = fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });

  expect(first.reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RELEASED, lines: [] });
  expect(duplicate).toEqual(first);
  expect(await reasonOf(late)).toBe('RESERVATION_RELEASED');
  await fixture.settled({});
  expect(await fixture.available('prod456')).toBe(100);
  expect(await readEventBodies(fixture.nats, StockReleasedSchema)).toEqual([]);
});

it('releases a rejected order without moving stock and without an event', async () => {
  await using fixture = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 200]) };
  await failureOf(fixture.client.reserveStock(wanted));

  const { reservation } = await fixture.client.releaseReservation({ orderId: 'ord1' });
  await fixture.settled({});

  expect(reservation).toMatchObject({ state: ReservationState.RELEASED, lines: [] });
  expect(reservation?.shortages).toMatchObject([{ productId: 'prod456', requested: 200, available: 100 }]);
  expect(await reasonOf(fixture.client.reserveStock(wanted))).toBe('RESERVATION_RELEASED');
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await fixture.available('prod456')).toBe(100);
  expect(await readEventBodies(fixture.nats, StockReleasedSchema)).toEqual([]);
});

it('refuses to confirm or release by the id of another reservation, and to confirm an unknown order', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });
  const other = { orderId: 'ord1', reservationId: 'res123' };

  expect(await reasonOf(fixture.client.confirmReservation(other))).toBe('RESERVATION_MISMATCH');
  expect(await reasonOf(fixture.client.releaseReservation(other))).toBe('RESERVATION_MISMATCH');
  expect(await reasonOf(fixture.client.confirmReservation({ orderId: 'unknown' }))).toBe('RESERVATION_NOT_FOUND');
  expect((await fixture.client.getProduct({ productId: 'prod456' })).product).toMatchObject({
    onHand: 100,
    reserved: 2,
  });
});

it.each([
  ['latin', 'long-id'.repeat(17), 2],
  ['Chinese', '庫存不足的商品編號'.repeat(14).slice(0, 125), 1],
])('lists as many of a hundred shortages with %s ids as fit into headers', async (_, id, fewest) => {
  await using fixture = await startInventoryFixture();
  const wanted = lines(...Array.from({ length: 100 }, (_, index) => [`${id}-${index}`, 1] as const));
  const request = { orderId: 'ord1', lines: wanted };

  const failure = await failureOf(fixture.client.reserveStock(request));
  const { bytes } = await callForTrailers(fixture.url, InventoryService.method.reserveStock, request);

  const [info] = failure.findDetails(ErrorInfoSchema);
  expect(failure.code).toBe(Code.FailedPrecondition);
  expect(info?.metadata).toMatchObject({ order_id: 'ord1', shortage_count: '100' });
  expect(JSON.parse(info?.metadata.shortages ?? '').length).toBeGreaterThanOrEqual(fewest);
  expect(bytes).toBeLessThan(8_192);
});
