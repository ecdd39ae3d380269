// Concurrent calls: nothing is sold twice, and nothing hangs, in any interleaving.
import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import {
  ConfirmReservationRequestSchema,
  ReleaseReservationRequestSchema,
  ReserveStockRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { adjustStock } from '#services/inventory/adjust-stock.ts';
import { confirmReservation } from '#services/inventory/confirm-reservation.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { readOrderCreated, reserveForEvents } from '#services/inventory/on-order-created.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import { reserveStock } from '#services/inventory/reserve-stock.ts';
import { createDatabase } from '#services/platform/storage/database.ts';
import { countEvents, publishEvent, readEventBodies, readEvents } from '../../support/events.ts';
import { testCall } from '../../support/services/call.ts';
import { lines, orderCreated, reasonOf, startInventoryFixture, type Wanted } from '../../support/services/inventory.ts';

const SOON = { timeout: 10_000, interval: 25 };
// Less than the time limit of a test, so that a call that never succeeds fails as itself.
const LONG_MS = 25_000;
// Longer than Postgres takes to detect a deadlock (1 s), so that a deadlock fails as itself and not as a timeout.
const PATIENCE_MS = 10_000;

it('sells exactly 100 units to 200 buyers', async () => {
  await using fixture = await startInventoryFixture();
  const buy = (orderId: string) =>
    patiently(() => fixture.client.reserveStock({ orderId, lines: lines(['prod456', 1]) }));

  const answers = await Promise.all(range(200).map((index) => outcomeOf(buy(`buyer${index}`))));

  expect(count(answers, 'ok')).toBe(100);
  expect(count(answers, 'INSUFFICIENT_STOCK')).toBe(100);
  const { product } = await fixture.client.getProduct({ productId: 'prod456' });
  expect(product).toMatchObject({ onHand: 100, reserved: 100, available: 0 });
});

it('sells exactly 100 units when half of the buyers come by event and half by RPC', async () => {
  await using fixture = await startInventoryFixture();
  await using second = await fixture.startReplica();

  const byRpc = range(75).map((index) =>
    outcomeOf(patiently(() => second.client.reserveStock({ orderId: `rpc${index}`, lines: lines(['prod456', 1]) }))),
  );
  const byEvent = range(75).map((index) =>
    publishEvent(fixture.nats, OrderCreatedSchema, orderCreated(`event${index}`, ['prod456', 1])),
  );
  const answers = await Promise.all(byRpc);
  await Promise.all(byEvent);

  const subjects = ['shop.inventory.v1.StockReserved', 'shop.inventory.v1.InsufficientStock'];
  const published = () => Promise.all(subjects.map((subject) => countEvents(fixture.nats, subject)));
  await expect.poll(published, { timeout: LONG_MS, interval: 100 }).toEqual([100, 50]);
  expect(count(answers, 'ok') + count(answers, 'INSUFFICIENT_STOCK')).toBe(75);
  expect(await fixture.available('prod456')).toBe(0);
});

it('answers 60 concurrent duplicates of one order with one reservation', async () => {
  await using fixture = await startInventoryFixture();
  await using second = await fixture.startReplica();
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2], ['prod789', 1]) };

  const event = publishEvent(fixture.nats, OrderCreatedSchema, orderCreated('ord1', ['prod456', 2], ['prod789', 1]));
  const answers = await Promise.all(
    range(60).map((index) => patiently(() => (index % 2 === 0 ? fixture : second).client.reserveStock(wanted))),
  );
  await event;

  expect(new Set(answers.map(({ reservation }) => reservation?.reservationId)).size).toBe(1);
  expect(await fixture.available('prod456')).toBe(98);
  expect(await fixture.available('prod789')).toBe(49);
  await expect.poll(() => readEvents(fixture.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(1);
});

it('publishes a rejection once and a release once, however many calls run at once', async () => {
  await using fixture = await startInventoryFixture();
  await using second = await fixture.startReplica();
  const replicas = range(40).map((index) => (index % 2 === 0 ? fixture : second));
  const tooMuch = { orderId: 'short', lines: lines(['prod456', 101]) };
  await fixture.client.reserveStock({ orderId: 'held', lines: lines(['prod789', 5]) });

  const refusals = replicas.map(({ client }) => outcomeOf(patiently(() => client.reserveStock(tooMuch))));
  const releases = replicas.map(({ client }) => patiently(() => client.releaseReservation({ orderId: 'held' })));

  expect(count(await Promise.all(refusals), 'INSUFFICIENT_STOCK')).toBe(40);
  await Promise.all(releases);
  await fixture.settled({});
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.InsufficientStock')).toHaveLength(1);
  expect(await readEvents(fixture.nats, 'shop.inventory.v1.StockReleased')).toHaveLength(1);
  expect(await fixture.available('prod789')).toBe(50);
});

it('accepts one of two different requests for the same order, concurrent or not', async () => {
  await using fixture = await startInventoryFixture();
  const orders = range(20).map((index) => `ord${index}`);

  const answers = await Promise.all(
    orders.flatMap((orderId) =>
      [lines(['prod456', 1]), lines(['prod789', 1])].map((wanted) =>
        outcomeOf(patiently(() => fixture.client.reserveStock({ orderId, lines: wanted }))),
      ),
    ),
  );

  expect(count(answers, 'ok')).toBe(20);
  expect(count(answers, 'RESERVATION_MISMATCH')).toBe(20);
  expect((await fixture.available('prod456')) + (await fixture.available('prod789'))).toBe(130);
});

it('never deadlocks, whatever the order of the items and the other changes of the same products', async () => {
  await using fixture = await startInventoryFixture();
  await using inventory = openUseCases(fixture.database.databaseUrl);
  const { dependencies } = inventory;
  const products = ['12345', 'prod456', 'prod789'];
  const orders = range(60).map((index) => ({ orderId: `ord${index}`, items: rotate(products, index) }));

  const work = orders.flatMap(({ orderId, items }, index) => {
    const wanted = items.map((productId): Wanted => [productId, 1]);
    const reserve = create(ReserveStockRequestSchema, { orderId, lines: lines(...wanted) });
    const backwards = create(OrderCreatedSchema, orderCreated(orderId, ...wanted.toReversed()));
    const order = { orderId, reservationId: '' };
    return [
      () => reserveStock(dependencies, reserve, testCall()),
      () =>
        dependencies.database.transaction((transaction) =>
          reserveForEvents(dependencies, [readOrderCreated(dependencies, backwards)], transaction),
        ),
      () => confirmReservation(dependencies, create(ConfirmReservationRequestSchema, order)),
      () => releaseReservation(dependencies, create(ReleaseReservationRequestSchema, order)),
      () => reserveStock(dependencies, reserve, testCall()),
      () => adjustProduct(dependencies, items[0] ?? '', `key${index}`),
    ];
  });
  const outcomes = await Promise.all(work.map((run) => outcomeOf(run())));

  const expected = [
    'ok',
    'RESERVATION_NOT_FOUND',
    'RESERVATION_RELEASED',
    'RESERVATION_CONFIRMED',
    'INSUFFICIENT_STOCK',
  ];
  expect(outcomes.filter((outcome) => !expected.includes(outcome))).toEqual([]);
  await expectBalanced(fixture, products);
});

it('ends every race of reserving and releasing an order with the stock released', async () => {
  await using fixture = await startInventoryFixture();
  const orders = range(40).map((index) => `ord${index}`);

  await Promise.all(
    orders.flatMap((orderId) => [
      outcomeOf(
        patiently(() => fixture.client.reserveStock({ orderId, lines: lines(['prod456', 2], ['prod789', 1]) })),
      ),
      patiently(() => fixture.client.releaseReservation({ orderId })),
    ]),
  );

  expect(await fixture.available('prod456')).toBe(100);
  expect(await fixture.available('prod789')).toBe(50);
  const duplicate = fixture.client.reserveStock({ orderId: 'ord0', lines: lines(['prod456', 2], ['prod789', 1]) });
  expect(await reasonOf(duplicate)).toBe('RESERVATION_RELEASED');
});

it('lets exactly one of a confirm and a release win', async () => {
  await using fixture = await startInventoryFixture();
  const orders = range(30).map((index) => `ord${index}`);
  for (const orderId of orders) await fixture.client.reserveStock({ orderId, lines: lines(['prod456', 1]) });

  const answers = await Promise.all(
    orders.map(async (orderId) => {
      const sale = outcomeOf(patiently(() => fixture.client.confirmReservation({ orderId })));
      const release = outcomeOf(patiently(() => fixture.client.releaseReservation({ orderId })));
      return `${await sale} ${await release}`;
    }),
  );

  const sold = count(answers, 'ok RESERVATION_CONFIRMED');
  expect(sold + count(answers, 'RESERVATION_RELEASED ok')).toBe(30);
  const { product } = await fixture.client.getProduct({ productId: 'prod456' });
  expect(product).toMatchObject({ onHand: 100 - sold, reserved: 0, sold: BigInt(sold) });
});

it('adjusts once for 50 concurrent duplicates of one key', async () => {
  await using fixture = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'key', productId: 'prod456', delta: 7 };

  await Promise.all(range(50).map(() => patiently(() => fixture.client.adjustStock(adjustment))));

  expect(await fixture.available('prod456')).toBe(107);
});

it('accepts a key for one of two concurrent adjustments of different products', async () => {
  await using fixture = await startInventoryFixture();

  const answers = await Promise.all(
    range(20).flatMap((index) =>
      ['prod456', 'prod789'].map((productId) =>
        outcomeOf(patiently(() => fixture.client.adjustStock({ idempotencyKey: `key${index}`, productId, delta: 1 }))),
      ),
    ),
  );

  expect(count(answers, 'ok')).toBe(20);
  expect(count(answers, 'IDEMPOTENCY_KEY_REUSED')).toBe(20);
  expect((await fixture.available('prod456')) + (await fixture.available('prod789'))).toBe(170);
});

it('gives each of 20 concurrent changes of a product its own version and event', async () => {
  await using fixture = await startInventoryFixture();
  const change = (index: number) => ({
    productId: 'prod456',
    name: `name ${index}`,
    unitPrice: { currencyCode: 'EUR', minorUnits: 2_000n },
  });

  await Promise.all(range(20).map((index) => patiently(() => fixture.client.upsertProduct(change(index)))));
  await fixture.settled({});

  const { product } = await fixture.client.getProduct({ productId: 'prod456' });
  expect(product).toMatchObject({ version: 21n, available: 100 });
  const events = (await readEventBodies(fixture.nats, ProductChangedSchema)).filter(
    (event) => event.productId === 'prod456',
  );
  const versions = events.map((event) => Number(event.version)).sort((left, right) => left - right);
  expect(versions).toEqual(range(21).map((index) => index + 1));
  expect(events.find((event) => event.version === 21n)?.name).toBe(product?.name);
});

/** The use cases on connections that wait long enough to detect a deadlock. */
function openUseCases(url: string): AsyncDisposable & { readonly dependencies: InventoryDependencies } {
  const log = pino({ level: 'silent' });
  const database = createDatabase({ url, size: 30, timeoutMs: PATIENCE_MS, log });
  const dependencies = {
    database,
    log,
    batches: createReservationBatches({ database, log }),
    now: () => new Date(),
    newId: () => randomUUID(),
    syntheticCredential: undefined,
    wakeRelay: () => undefined,
  };
  return { dependencies, [Symbol.asyncDispose]: () => database.close() };
}

function adjustProduct(dependencies: InventoryDependencies, productId: string, idempotencyKey: string) {
  const request = {
    $typeName: 'shop.inventory.v1.AdjustStockRequest',
    idempotencyKey,
    productId,
    delta: 1,
  } as const;
  return adjustStock(dependencies, request, testCall());
}

async function expectBalanced(
  fixture: Awaited<ReturnType<typeof startInventoryFixture>>,
  productIds: readonly string[],
): Promise<void> {
  for (const productId of productIds) {
    const { product } = await fixture.client.getProduct({ productId });
    const started = { '12345': 100, prod456: 100, prod789: 50 }[productId] ?? 0;
    // 60 adjustments by one, 20 per product; units neither sold nor on hand would be lost.
    expect(product).toMatchObject({ onHand: started + 20 - Number(product?.sold ?? 0n) });
    expect(product?.reserved).toBe(0);
  }
}

/** Retries a call while the database is too busy for it, as every caller does that follows its RetryInfo. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isOver = performance.now() - startMs > LONG_MS;
      if (isOver || ConnectError.from(error).code !== Code.Unavailable) throw error;
    }
  }
}

/** Returns `ok`, or the reason of the call's error. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (error instanceof Error && 'reason' in error) return String(error.reason);
    return (await reasonOf(Promise.reject(error))) ?? String(error);
  }
}

function count(answers: readonly string[], wanted: string): number {
  return answers.filter((answer) => answer === wanted).length;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function rotate<T>(values: readonly T[], by: number): T[] {
  const turned = values.map((_, index) => values[(index + by) % values.length] as T);
  return by % 2 === 0 ? turned : turned.toReversed();
}
