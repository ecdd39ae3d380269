// The order store on a real Postgres: single statements and concurrent ones.
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import {
  decideCancel,
  decideConfirm,
  decideFail,
  markBlocked,
  markConfirmed,
  NOTHING_OWED,
  type Order,
} from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { createOrderStore, type OrderStore, resumeNow } from '#services/order/order-store.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { failedOrder, pendingOrder, secondsLater, silentLog } from '../../support/services/order-builders.ts';

const LEASE_MS = 60_000;

type StoreFixture = AsyncDisposable & {
  readonly database: Database;
  readonly store: OrderStore;
  /** A store whose leases expire immediately. */
  readonly withoutLease: OrderStore;
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
  /** Stores a new order under its own key. */
  add(order: Order, store?: OrderStore): Promise<Order>;
};

/** `setting` is one of Postgres, for the store's connections. */
async function openStoreFixture(setting?: string): Promise<StoreFixture> {
  const resources = new AsyncDisposableStack();
  const testDatabase = resources.use(await createTestDatabase('order'));
  const url = new URL(testDatabase.databaseUrl);
  if (setting !== undefined) url.searchParams.set('options', `-c ${setting}`);
  const database = createDatabase({ url: url.href, size: 8, timeoutMs: 5_000, log: silentLog });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= database.close();
    return closing;
  };
  resources.defer(close);
  const superuser = new Client({ connectionString: testDatabase.superuserUrl });
  await superuser.connect();
  resources.defer(() => superuser.end());
  const store = createOrderStore(database, LEASE_MS);
  return {
    database: { ...database, close },
    store,
    withoutLease: createOrderStore(database, 0),
    sql: async <Row>(text: string) => (await superuser.query(text)).rows as Row[],
    add: async (order, by = store) => {
      await by.insert(order, { idempotencyKey: `key of ${order.orderId}`, requestHash: 'hash' }, [
        toStatusEvent(order),
      ]);
      return order;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const orderIds = (count: number) =>
  Array.from({ length: count }, (_, index) => `order-${String(index).padStart(3, '0')}`);

/** SQL that adds confirmed orders of 500 customers. */
const fillWithConfirmedOrders = (count: number) =>
  `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
     verdict, synthetic, timeline, version, create_time, update_time, lease_until)
   select 'confirmed-' || n, 'customer-' || n % 500, '[]', 'pm_approved', 'EUR', 1, 'v1', 'CONFIRMED', 'CONFIRM', false, '[]', 2,
     now() - n * interval '1 second', now(), now() from generate_series(1, ${count}) n`;

/** A later state of an order: everything that can differ from a new one does. */
function changed(order: Order): Order {
  const failed = decideFail(
    { ...order, reservationId: 'res123', transactionId: 'ch_1' },
    'INVENTORY_ERROR',
    { release: true, refund: true },
    secondsLater(3),
  );
  return markBlocked(failed, 'REFUND_PAYMENT', 'PAYMENT_UNAVAILABLE', secondsLater(4), 'payment could not be reached');
}

describe('inserting', () => {
  it('stores an order that is read back the same', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder({ synthetic: true, customerId: `O'Neil "ünïcode" \\ {x}` }));
    expect(await fixture.store.find('order-1')).toEqual(order);
  });

  it('stores the key and the event in the same change', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder());
    expect(await fixture.store.findByKey('key of order-1')).toEqual({ order, requestHash: 'hash' });
    expect(await fixture.sql('select subject, sent_time from outbox')).toEqual([
      { subject: 'shop.order.v1.OrderCreated', sent_time: null },
    ]);
  });

  it('under a taken key stores nothing', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder());
    const other = pendingOrder({ orderId: 'order-2' });
    const key = { idempotencyKey: 'key of order-1', requestHash: 'other' };
    expect(await fixture.store.insert(other, key, [toStatusEvent(other)])).toBe(false);
    expect(await fixture.store.find('order-2')).toBeUndefined();
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
    expect((await fixture.store.findByKey('key of order-1'))?.requestHash).toBe('hash');
  });

  it('fifty times concurrently under one key stores one order', async () => {
    await using fixture = await openStoreFixture();
    const results = await Promise.all(
      orderIds(50).map((orderId) => {
        const order = pendingOrder({ orderId });
        return fixture.store.insert(order, { idempotencyKey: 'one', requestHash: 'h' }, [toStatusEvent(order)]);
      }),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await fixture.sql('select from orders')).toHaveLength(1);
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
  });
});

describe('saving', () => {
  it('stores every field and returns the next version', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder());
    const saved = await fixture.store.save(changed(order), 1, []);
    expect(saved).toEqual({ ...changed(order), version: 2 });
    expect(await fixture.store.find('order-1')).toEqual(saved);
  });

  it('from an older version stores nothing, and no event', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder());
    await fixture.store.save(markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), ''), 1, []);
    const late = failedOrder();
    expect(await fixture.store.save(late, 1, [toStatusEvent(late)])).toBeUndefined();
    expect(await fixture.store.find('order-1')).toMatchObject({ status: 'PENDING', version: 2 });
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
  });

  it('twenty times concurrently from one version stores one change, with its event', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder());
    const failed = decideFail(order, 'PAYMENT_FAILED', NOTHING_OWED, secondsLater(2));
    const results = await Promise.all(
      Array.from({ length: 20 }, () => fixture.store.save(failed, 1, [toStatusEvent(failed)])),
    );
    expect(results.filter((saved) => saved !== undefined)).toHaveLength(1);
    expect(await fixture.sql('select from outbox')).toHaveLength(2);
  });

  it('a status that contradicts the verdict is refused by the database', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder());
    const impossible: Order = { ...order, status: 'CONFIRMED', verdict: 'FAIL' };
    await expect(fixture.store.save(impossible, 1, [])).rejects.toThrow(/check constraint/);
  });
});

describe('claiming', () => {
  it('skips an order that was just accepted: its call holds the lease', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder());
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims an order whose lease is over, with its attempts', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const blocked = markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), '');
    const saved = await fixture.store.save(blocked, 1, [], { afterMs: 0, attempts: 3 });
    expect(await fixture.store.claim(10)).toEqual([{ order: saved, attempts: 3, traceparent: '' }]);
  });

  it('takes an order once: the claim is a lease', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder(), fixture.withoutLease);
    expect(await fixture.store.claim(10)).toHaveLength(1);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims it again when the claiming replica died and the lease is over', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder(), fixture.withoutLease);
    expect(await fixture.withoutLease.claim(10)).toHaveLength(1);
    expect(await fixture.withoutLease.claim(10)).toHaveLength(1);
  });

  it('skips an order that was changed without ending the lease', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const cancelled = decideCancel(order, secondsLater(1));
    await fixture.store.save(cancelled, 1, []);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it.each(['lease_until', 'resume_time'])(
    'claims an order whose %s is far ahead because the clock was set back',
    async (column) => {
      await using fixture = await openStoreFixture();
      await fixture.add(pendingOrder(), fixture.withoutLease);
      await fixture.sql(`update orders set ${column} = now() + interval '1 hour'`);
      expect(await fixture.store.claim(10)).toHaveLength(1);
      expect(await fixture.store.claim(10)).toEqual([]);
    },
  );

  it('skips an order that is as far ahead as a lease or a delay may be', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.sql(`update orders set lease_until = now() + interval '1 minute'`);
    expect(await fixture.store.claim(10)).toEqual([]);
    await fixture.sql(`update orders set lease_until = now(), resume_time = now() + interval '1 minute'`);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('skips an order until its delay is over', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const blocked = markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), '');
    await fixture.store.save(blocked, 1, [], { afterMs: 60_000, attempts: 1 });
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('skips an order that has ended', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const confirmed = markConfirmed(decideConfirm(order, secondsLater(1)), secondsLater(2));
    await fixture.store.save(confirmed, 1, []);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims a failed order that owes compensation', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.store.save(changed(order), 1, [], { afterMs: 0, attempts: 1 });
    expect(await fixture.store.claim(10)).toHaveLength(1);
  });

  it.each(['few rows, no statistics', 'many rows, fresh statistics'])(
    'never claims more than its limit, the longest due first: %s',
    async (table) => {
      await using fixture = await openStoreFixture();
      for (const orderId of orderIds(table.startsWith('few') ? 12 : 60)) {
        await fixture.add(pendingOrder({ orderId }), fixture.withoutLease);
      }
      await fixture.sql(
        `update orders set resume_time = now() - interval '1 hour' where order_id in ('order-007', 'order-009')`,
      );
      if (table.startsWith('many')) await fixture.sql('analyze orders');
      const claimed = await fixture.store.claim(2);
      expect(claimed.map(({ order }) => order.orderId).sort()).toEqual(['order-007', 'order-009']);
      expect(await fixture.store.claim(5)).toHaveLength(5);
    },
  );

  it('by several replicas at once gives each order to one of them', async () => {
    await using fixture = await openStoreFixture();
    for (const orderId of orderIds(40)) await fixture.add(pendingOrder({ orderId }), fixture.withoutLease);
    const batches = await Promise.all(Array.from({ length: 8 }, () => fixture.store.claim(16)));
    const ids = batches.flat().map(({ order }) => order.orderId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(16);
  });
});

describe('resuming now', () => {
  it('makes a blocked order due immediately', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const blocked = markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), '');
    await fixture.store.save(blocked, 1, [], { afterMs: 60_000, attempts: 1 });
    await resumeNow(fixture.database, 'order-1');
    expect(await fixture.store.claim(10)).toHaveLength(1);
  });

  it('does not change an order that is leased', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder());
    await resumeNow(fixture.database, 'order-1');
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('does not make an order due that has ended or does not exist', async () => {
    await using fixture = await openStoreFixture();
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.store.save(markConfirmed(decideConfirm(order, secondsLater(1)), secondsLater(2)), 1, []);
    await resumeNow(fixture.database, 'order-1');
    await resumeNow(fixture.database, 'no-such');
    expect(await fixture.store.claim(10)).toEqual([]);
  });
});

describe('counting what is open', () => {
  it('counts pending orders with the age of the oldest, and decided ones that owe compensation', async () => {
    await using fixture = await openStoreFixture();
    expect(await fixture.store.countOpen()).toEqual({ pending: 0, oldestPendingMs: 0, compensations: 0 });
    for (const orderId of ['order-1', 'order-2', 'order-3', 'order-4']) await fixture.add(pendingOrder({ orderId }));
    await fixture.database.query(
      `update orders set create_time = now() - case order_id when 'order-3' then interval '90 s' else interval '10 s' end`,
    );
    await fixture.store.save(changed(pendingOrder({ orderId: 'order-1' })), 1, []);
    await fixture.store.save(
      markConfirmed(decideConfirm(pendingOrder({ orderId: 'order-2' }), secondsLater(1)), secondsLater(2)),
      1,
      [],
    );
    const { oldestPendingMs, ...counts } = await fixture.store.countOpen();
    expect(counts).toEqual({ pending: 2, compensations: 1 });
    expect(Math.floor(oldestPendingMs / 10_000)).toBe(9);
  });
});

describe('listing', () => {
  const LAST = { size: 50, after: undefined };
  const everyOrder = { customerId: '', status: undefined };

  it('is newest first, and by id where the times are equal', async () => {
    await using fixture = await openStoreFixture();
    for (const orderId of ['order-b', 'order-c', 'order-a']) await fixture.add(pendingOrder({ orderId }));
    await fixture.sql(`update orders set create_time = create_time + interval '1 hour' where order_id = 'order-a'`);
    const listed = await fixture.store.list(everyOrder, LAST);
    expect(listed.map(({ orderId }) => orderId)).toEqual(['order-a', 'order-c', 'order-b']);
  });

  it('returns one row more than the page holds', async () => {
    await using fixture = await openStoreFixture();
    for (const orderId of orderIds(5)) await fixture.add(pendingOrder({ orderId }));
    expect(await fixture.store.list(everyOrder, { size: 3, after: undefined })).toHaveLength(4);
  });

  it('finds by customer, by status, and by both', async () => {
    await using fixture = await openStoreFixture();
    await fixture.add(pendingOrder({ orderId: 'a', customerId: 'ann' }));
    await fixture.add(pendingOrder({ orderId: 'b', customerId: 'ann' }));
    await fixture.add(pendingOrder({ orderId: 'c', customerId: 'bob' }));
    const failed = decideFail(pendingOrder({ orderId: 'b' }), 'PAYMENT_FAILED', NOTHING_OWED, secondsLater(1));
    await fixture.store.save(failed, 1, []);
    const find = async (customerId: string, status: Order['status'] | undefined) =>
      (await fixture.store.list({ customerId, status }, LAST)).map(({ orderId }) => orderId);
    expect(await find('ann', undefined)).toEqual(['b', 'a']);
    expect(await find('', 'PENDING')).toEqual(['c', 'a']);
    expect(await find('ann', 'PENDING')).toEqual(['a']);
    expect(await find('bob', 'FAILED')).toEqual([]);
  });

  it('reads a customer by the index of customers, with whichever plan is kept', async () => {
    await using fixture = await openStoreFixture('plan_cache_mode=force_generic_plan');
    await fixture.sql(fillWithConfirmedOrders(20_000));
    await fixture.sql('analyze orders');
    expect(await fixture.store.list({ customerId: 'customer-499', status: undefined }, LAST)).toHaveLength(40);
    // A connection reports what it read when it ends.
    await fixture.database.close();
    const reads = `select indexrelname as index, idx_tup_read::int as rows from pg_stat_user_indexes
      where indexrelname in ('orders_newest', 'orders_of_customer') order by 1`;
    await expect
      .poll(() => fixture.sql(reads))
      .toEqual([
        { index: 'orders_newest', rows: 0 },
        { index: 'orders_of_customer', rows: 40 },
      ]);
  });
});
