// Durability: stock, reservations and the catalogue through restarts, replicas and outages.
import { Code } from '@connectrpc/connect';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import { readEventBodies, readEvents } from '../../support/events.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { failureOf, lines, reasonOf, startInventory, startInventoryFixture } from '../../support/services/inventory.ts';

const SOON = { timeout: 10_000, interval: 50 };

it('publishes every product of the initial catalogue once', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.settled({});

  const changes = await readEventBodies(fixture.nats, ProductChangedSchema);

  const reported = changes.map(({ productId, name, unitPrice, version }) => ({ productId, name, unitPrice, version }));
  expect(reported).toHaveLength(FIRST_CATALOGUE.length);
  expect(reported).toEqual(
    expect.arrayContaining(
      FIRST_CATALOGUE.map(({ productId, name, unitPrice }) => ({
        productId,
        name,
        unitPrice: expect.objectContaining(unitPrice),
        version: 1n,
      })),
    ),
  );
});

it('inserts the initial catalogue once when three replicas start together', async () => {
  await using database = await createTestDatabase('inventory');
  await using nats = await startTestNats();

  await using replicas = new AsyncDisposableStack();
  const started = await Promise.all([1, 2, 3].map(() => startInventory({ database, nats })));
  for (const replica of started) replicas.use(replica);

  const [first] = started;
  await expect.poll(async () => (await first?.ops.getStatus({}))?.status?.outbox?.unsent, SOON).toBe(0n);
  expect(await readEvents(nats, 'shop.inventory.v1.ProductChanged')).toHaveLength(FIRST_CATALOGUE.length);
});

it('keeps stock, prices, reservations, tombstones and adjustments over a restart', async () => {
  await using fixture = await startInventoryFixture();
  const { client } = fixture;
  const { reservation } = await client.reserveStock({ orderId: 'reserved', lines: lines(['prod456', 2]) });
  await client.reserveStock({ orderId: 'sold', lines: lines(['prod456', 3]) });
  await client.confirmReservation({ orderId: 'sold' });
  await client.releaseReservation({ orderId: 'tombstone' });
  await failureOf(client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 200]) }));
  await client.adjustStock({ idempotencyKey: 'key', productId: 'prod456', delta: 10 });
  await client.upsertProduct({
    productId: 'prod456',
    name: 'Plate',
    unitPrice: { currencyCode: 'EUR', minorUnits: 1n },
  });
  const before = await client.listProducts({});
  await fixture.stopInventory();

  await using again = await fixture.startReplica();

  expect(await again.client.listProducts({})).toEqual(before);
  const duplicate = await again.client.reserveStock({ orderId: 'reserved', lines: lines(['prod456', 2]) });
  expect(duplicate.reservation).toEqual(reservation);
  await again.client.adjustStock({ idempotencyKey: 'key', productId: 'prod456', delta: 10 });
  expect(await again.available('prod456')).toBe(105);
  expect(await reasonOf(again.client.releaseReservation({ orderId: 'sold' }))).toBe('RESERVATION_CONFIRMED');
  expect(await reasonOf(again.client.reserveStock({ orderId: 'tombstone', lines: lines(['prod456', 1]) }))).toBe(
    'RESERVATION_RELEASED',
  );
  expect(await reasonOf(again.client.reserveStock({ orderId: 'refused', lines: lines(['prod456', 200]) }))).toBe(
    'INSUFFICIENT_STOCK',
  );
});

it('publishes after a restart what was reserved while the broker was down', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.settled({});
  await fixture.nats.kill();
  await fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });
  await fixture.stopInventory();
  await fixture.nats.restart();

  await using _again = await fixture.startReplica();

  await expect.poll(() => readEvents(fixture.nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(1);
});

it('answers unavailable with RetryInfo while its sessions are terminated, and keeps serving', async () => {
  await using fixture = await startInventoryFixture();
  await using admin = await connectBeside(fixture.database.superuserUrl);
  const wanted = { orderId: 'ord1', lines: lines(['prod456', 2]) };
  await admin.query(`alter database ${fixture.database.name} connection limit 0`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
    fixture.database.name,
  ]);

  const failure = await failureOf(fixture.client.reserveStock(wanted));
  await admin.query(`alter database ${fixture.database.name} connection limit -1`);

  expect(Code[failure.code]).toBe('Unavailable');
  expect(failure.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 1n } }]);
  await expect.poll(() => outcomeOf(fixture.client.reserveStock(wanted)), SOON).toBe('ok');
  expect(await fixture.available('prod456')).toBe(98);
});

/** Connects the superuser to another database of the same server. */
async function connectBeside(url: string): Promise<AsyncDisposable & Pick<Client, 'query'>> {
  const client = new Client({ connectionString: new URL('/postgres', url).toString() });
  await client.connect();
  return { query: client.query.bind(client), [Symbol.asyncDispose]: () => client.end() };
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    return String(error);
  }
}
