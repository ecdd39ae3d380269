// Migrations of orders that exist: one that adds columns while the service runs, as when a newer replica starts beside it, and one that
// fills the column it adds.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { migrate } from '#services/platform/storage/migrations.ts';
import { cloneTestDatabase } from '../../support/postgres.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { ask } from '../platform/support/open-database.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../services/order/migrations', import.meta.url));
const TABLES = ['orders', 'order_key', 'product_price', 'catalogue_load', 'outbox', 'inbox'];

/** Makes each kind of call often enough that its statements are prepared on several connections. */
async function callEverything(fixture: OrderFixture): Promise<void> {
  const request = validRequest();
  const first = await fixture.client.createOrder(request);
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
      expect((await fixture.client.createOrder(request)).order?.orderId).toBe(first.order?.orderId);
      expect((await fixture.read(first.order?.orderId ?? '')).status).toBe(OrderStatus.CONFIRMED);
      expect((await fixture.client.listOrders({ customerId: 'cust123' })).orders.length).toBeGreaterThan(0);
    }),
  );
}

it('adds columns to every table without a call or the background noticing', async () => {
  await using fixture = await startOrderFixture({ ORDER_MAX_RESUME_MS: '250', BREAKER_RESET_MS: '200' });
  await callEverything(fixture);
  await fixture.payment.goDown();
  const { order } = await fixture.place();
  expect(order?.status).toBe(OrderStatus.PENDING);

  for (const table of TABLES) await fixture.sql(`alter table ${table} add column note text`);

  expect((await fixture.read(order?.orderId ?? '')).status).toBe(OrderStatus.PENDING);
  await fixture.payment.comeUp();
  await fixture.reaches(order?.orderId ?? '', OrderStatus.CONFIRMED, 10_000);
  await callEverything(fixture);
});

it('flags the keys of synthetic orders that were placed before keys had a flag, and no others', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  await copyFile(join(MIGRATIONS, '0001_orders.sql'), join(folder.path, '0001_orders.sql'));
  await using database = await cloneTestDatabase('order', folder.path);
  const { databaseUrl } = database;
  await ask(
    databaseUrl,
    `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status, synthetic,
       timeline, version, create_time, update_time, resume_time, lease_until)
     select name, 'cust123', '[]', 'pm_approved', 'EUR', 1, 'v1', 'PENDING', name = 'synthetic', '[]', 1, now(), now(), now(), now()
     from unnest(array['real', 'synthetic']) as name`,
  );
  await ask(
    databaseUrl,
    `insert into order_key (idempotency_key, request_hash, order_id) select 'key of ' || order_id, 'hash', order_id from orders`,
  );

  await migrate({ databaseUrl, directory: MIGRATIONS });

  expect(
    await ask(databaseUrl, 'select idempotency_key as key, synthetic, placed_by from order_key order by key'),
  ).toEqual([
    { key: 'key of real', synthetic: false, placed_by: 'guest' },
    { key: 'key of synthetic', synthetic: true, placed_by: 'guest' },
  ]);
});
