// What `make bench-growth` fills the databases with: histories that the services can read.
import { expect, it } from 'vitest';
import { createSalesStore } from '#services/analytics/sales-store.ts';
import { findReservation } from '#services/inventory/reservation-store.ts';
import { createNotificationStore } from '#services/notification/notification-store.ts';
import { createOrderStore } from '#services/order/order-store.ts';
import { createChargeStore } from '#services/payment/charge-store.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type FilledService, fillHistory } from '../../bench/growth/fill.ts';
import { openSession } from '../../support/contracts/contracts.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { openDatabase } from '../platform/support/open-database.ts';

const NEVER = new AbortController().signal;
const PAGE = { size: 1, after: undefined };
const CHARGES = { callMs: 1_000, settleAfterMs: 1_000, lateCaptureWindowMs: 1_000 };

const reads: Record<FilledService, (database: Database) => Promise<unknown>> = {
  order: async (database) => {
    const store = createOrderStore(database, 1_000);
    expect(await store.countOpen()).toEqual({ pending: 0, oldestPendingMs: 0, compensations: 0 });
    return (await store.list({ customerId: '', status: 'CONFIRMED' }, PAGE))[0];
  },
  inventory: (database) => findReservation(database, 'history-1'),
  payment: async (database) =>
    (await createChargeStore(database, CHARGES).list({ customerId: '', orderId: '' }, PAGE))[0],
  notification: async (database) =>
    (await createNotificationStore(database).list({ customerId: '', orderId: '' }, PAGE))[0],
  analytics: (database) => createSalesStore(database).sum({ start: undefined, end: undefined }),
};

it.each([
  ['order', { orderId: 'history-1', status: 'CONFIRMED', total: { currencyCode: 'EUR', minorUnits: 5_999n } }],
  ['inventory', { orderId: 'history-1', state: 'CONFIRMED', lines: [{ productId: 'history-product-1', quantity: 1 }] }],
  ['payment', { orderId: 'history-1', status: 'COMPLETED', customerId: 'customer-1' }],
  ['notification', { orderId: 'history-1', status: 'SENT', customerId: 'customer-1' }],
  ['analytics', { revenue: [{ currencyCode: 'EUR', minorUnits: 599_900n }], productCount: 10n }],
] as const)('the history of %s is that of confirmed orders', async (service, newest) => {
  await using test = await createTestDatabase(service);
  await using database = openDatabase({ url: test.databaseUrl });

  await fillHistory(service, test.databaseUrl, 100, NEVER);

  expect(await reads[service](database)).toMatchObject(newest);
});

it('stops in the middle of a statement when it is called off', async () => {
  await using test = await createTestDatabase('order');
  await using locker = await openSession(test.databaseUrl);
  await using observer = await openSession(test.databaseUrl);
  await locker.sql('begin');
  await locker.sql('lock table orders');
  const stop = new AbortController();
  const filled = fillHistory('order', test.databaseUrl, 100, stop.signal);
  const failed = expect(filled).rejects.toThrow('Connection terminated');
  const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(async () => (await observer.sql(waiting)).length).toBe(1);

  stop.abort();

  await failed;
});
