// One row an order: reserve, sell and release in every order, over the wire and in the real database.
import { expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import {
  InsufficientStockSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { failureOf, lines, reasonOf, startInventoryFixture } from '../../support/services/inventory.ts';

it('reserves all lines, answers a repeat with the same reservation and tells once', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod789', 1], ['prod456', 2]) };

  const { reservation } = await shelf.client.reserveStock(wanted);
  const repeat = await shelf.client.reserveStock({ ...wanted, lines: wanted.lines.toReversed() });
  await shelf.settled({});

  expect(reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RESERVED, shortages: [] });
  expect(reservation?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
  expect(repeat.reservation).toEqual(reservation);
  expect(await readEventBodies(shelf.nats, StockReservedSchema)).toMatchObject([
    { orderId: 'ord1', reservationId: reservation?.reservationId, version: 1n, synthetic: false },
  ]);
  expect((await shelf.client.getProduct({ productId: 'prod456' })).product).toMatchObject({
    onHand: 100,
    reserved: 2,
    available: 98,
    sold: 0n,
    version: 1n,
  });
});

it('reserves nothing when one of several products is short or unknown', async () => {
  await using shelf = await startInventoryFixture();

  const failure = await failureOf(
    shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 51], ['unknown', 1]) }),
  );
  await shelf.settled({});

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
  expect(await shelf.available('prod456')).toBe(100);
  expect(await readEventBodies(shelf.nats, InsufficientStockSchema)).toMatchObject([
    { orderId: 'ord1', shortages, version: 1n },
  ]);
  expect(await readEventBodies(shelf.nats, StockReservedSchema)).toEqual([]);
});

it('lets a refusal stand when there is enough later', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod789', 51]) };
  expect(await reasonOf(shelf.client.reserveStock(wanted))).toBe('INSUFFICIENT_STOCK');
  await shelf.client.adjustStock({ idempotencyKey: 'restock', productId: 'prod789', delta: 100 });

  expect(await reasonOf(shelf.client.reserveStock(wanted))).toBe('INSUFFICIENT_STOCK');
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'ord1' }))).toBe('INSUFFICIENT_STOCK');
  await shelf.settled({});

  expect(await shelf.available('prod789')).toBe(150);
  expect(await readEventBodies(shelf.nats, InsufficientStockSchema)).toHaveLength(1);
});

it('refuses other lines than before, whatever became of the first', async () => {
  await using shelf = await startInventoryFixture();
  for (const orderId of ['reserved', 'sold', 'released']) {
    await shelf.client.reserveStock({ orderId, lines: lines(['prod456', 1]) });
  }
  await shelf.client.confirmReservation({ orderId: 'sold' });
  await shelf.client.releaseReservation({ orderId: 'released' });

  for (const orderId of ['reserved', 'sold', 'released']) {
    for (const other of [lines(['prod456', 2]), lines(['prod789', 1]), lines(['prod456', 1], ['prod789', 1])]) {
      expect(await reasonOf(shelf.client.reserveStock({ orderId, lines: other }))).toBe('RESERVATION_MISMATCH');
    }
  }
});

it('sells once, however often the sale is repeated', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 1]) };
  const { reservation } = await shelf.client.reserveStock(wanted);
  const reservationId = reservation?.reservationId ?? '';

  const first = await shelf.client.confirmReservation({ orderId: 'ord1', reservationId });
  const repeat = await shelf.client.confirmReservation({ orderId: 'ord1' });

  expect(first.reservation).toMatchObject({ reservationId, state: ReservationState.CONFIRMED });
  expect(repeat).toEqual(first);
  expect((await shelf.client.reserveStock(wanted)).reservation).toEqual(first.reservation);
  expect(await reasonOf(shelf.client.releaseReservation({ orderId: 'ord1' }))).toBe('RESERVATION_CONFIRMED');
  expect((await shelf.client.getProduct({ productId: 'prod456' })).product).toMatchObject({
    onHand: 98,
    reserved: 0,
    available: 98,
    sold: 2n,
  });
});

it('gives back once, tells once, and can neither reserve nor sell after that', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 1]) };
  const { reservation } = await shelf.client.reserveStock(wanted);
  const reservationId = reservation?.reservationId ?? '';

  const first = await shelf.client.releaseReservation({ orderId: 'ord1', reservationId });
  const repeat = await shelf.client.releaseReservation({ orderId: 'ord1' });
  await shelf.settled({});

  expect(first.reservation).toMatchObject({ reservationId, state: ReservationState.RELEASED });
  expect(repeat).toEqual(first);
  expect(await reasonOf(shelf.client.reserveStock(wanted))).toBe('RESERVATION_RELEASED');
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await shelf.available('prod456')).toBe(100);
  const released = await readEventBodies(shelf.nats, StockReleasedSchema);
  expect(released).toMatchObject([{ orderId: 'ord1', reservationId, version: 2n }]);
  expect(released[0]?.lines).toMatchObject(lines(['prod456', 2], ['prod789', 1]));
});

it('bars an order that is released before it asks: a late request finds nothing to take', async () => {
  await using shelf = await startInventoryFixture();

  const first = await shelf.client.releaseReservation({ orderId: 'ord1', reservationId: 'from-nowhere' });
  const repeat = await shelf.client.releaseReservation({ orderId: 'ord1', reservationId: 'from-nowhere' });
  const late = shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });

  expect(first.reservation).toMatchObject({ orderId: 'ord1', state: ReservationState.RELEASED, lines: [] });
  expect(repeat).toEqual(first);
  expect(await reasonOf(late)).toBe('RESERVATION_RELEASED');
  await shelf.settled({});
  expect(await shelf.available('prod456')).toBe(100);
  expect(await readEventBodies(shelf.nats, StockReleasedSchema)).toEqual([]);
});

it('closes a rejected order by a release that moves and tells nothing', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 200]) };
  await failureOf(shelf.client.reserveStock(wanted));

  const { reservation } = await shelf.client.releaseReservation({ orderId: 'ord1' });
  await shelf.settled({});

  expect(reservation).toMatchObject({ state: ReservationState.RELEASED, lines: [] });
  expect(reservation?.shortages).toMatchObject([{ productId: 'prod456', requested: 200, available: 100 }]);
  expect(await reasonOf(shelf.client.reserveStock(wanted))).toBe('RESERVATION_RELEASED');
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'ord1' }))).toBe('RESERVATION_RELEASED');
  expect(await shelf.available('prod456')).toBe(100);
  expect(await readEventBodies(shelf.nats, StockReleasedSchema)).toEqual([]);
});

it('refuses to sell or release by the id of another reservation, and to sell for an unknown order', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });
  const other = { orderId: 'ord1', reservationId: 'res123' };

  expect(await reasonOf(shelf.client.confirmReservation(other))).toBe('RESERVATION_MISMATCH');
  expect(await reasonOf(shelf.client.releaseReservation(other))).toBe('RESERVATION_MISMATCH');
  expect(await reasonOf(shelf.client.confirmReservation({ orderId: 'unknown' }))).toBe('RESERVATION_NOT_FOUND');
  expect((await shelf.client.getProduct({ productId: 'prod456' })).product).toMatchObject({ onHand: 100, reserved: 2 });
});

it('lists a few of a hundred shortages in an error that fits into headers', async () => {
  await using shelf = await startInventoryFixture();
  const wanted = Array.from({ length: 100 }, (_, index) => [`${'long-id'.repeat(17)}-${index}`, 1] as const);

  const failure = await failureOf(shelf.client.reserveStock({ orderId: 'ord1', lines: lines(...wanted) }));

  const [info] = failure.findDetails(ErrorInfoSchema);
  expect(info?.metadata).toMatchObject({ shortage_count: '100' });
  expect(failure.rawMessage).toMatch(/ and 90 more$/);
  expect(JSON.stringify(info?.metadata).length).toBeLessThan(4_000);
});
