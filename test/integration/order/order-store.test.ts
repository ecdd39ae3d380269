// The order store on a real Postgres: what is inserted, saved, counted and listed. order-store-claims.test.ts has the rest.
import { describe, expect, it } from 'vitest';
import {
  decideConfirm,
  decideFail,
  markBlocked,
  markConfirmed,
  NOTHING_OWED,
  type Order,
} from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { createOrderPruneRules, createOrderStore, type OrderStore } from '#services/order/order-store.ts';
import { createDatabase } from '#services/platform/storage/database.ts';
import type { Page } from '#services/platform/storage/page.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { failedOrder, pendingOrder, secondsLater, silentLog } from '../../support/services/order-builders.ts';
import { changed, orderIds, useOrderStore } from './order-store-fixture.ts';

const fixture = useOrderStore();

/** SQL that adds confirmed orders of 500 customers. */
const fillWithConfirmedOrders = (count: number) =>
  `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
     verdict, synthetic, timeline, version, create_time, update_time, lease_until)
   select 'confirmed-' || n, 'customer-' || n % 500, '[]', 'pm_approved', 'EUR', 1, 'v1', 'CONFIRMED', 'CONFIRM', false, '[]', 2,
     now() - n * interval '1 second', now(), now() from generate_series(1, ${count}) n`;

const KEY = { idempotencyKey: 'key of order-1', placedBy: 'guest' };

describe('finding what is newer', () => {
  it('returns the orders that changed since the known version, as they are stored, and no other', async () => {
    const first = await fixture.add(pendingOrder());
    const second = await fixture.add(pendingOrder({ orderId: 'order-2' }));
    await fixture.add(pendingOrder({ orderId: 'order-3' }));
    const blocked = markBlocked(first, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), '');
    const saved = await fixture.store.save(blocked, first.version, []);

    const known = [
      { orderId: 'order-1', version: first.version },
      { orderId: 'order-2', version: 0 },
      { orderId: 'order-3', version: 1 },
      { orderId: 'no-such', version: 0 },
    ];

    expect((await fixture.store.findNewer(known)).toSorted((a, b) => a.orderId.localeCompare(b.orderId))).toEqual([
      saved,
      second,
    ]);
    expect(await fixture.store.findNewer([])).toEqual([]);
  });
});

describe('inserting', () => {
  it('stores an order that is read back the same', async () => {
    const order = await fixture.add(pendingOrder({ synthetic: true, customerId: `O'Neil "ünïcode" \\ {x}` }));
    expect(await fixture.store.find('order-1')).toEqual(order);
  });

  it('stores the key and the event in the same change', async () => {
    const order = await fixture.add(pendingOrder());
    expect(await fixture.store.findByKey(KEY)).toEqual({ order, requestHash: 'hash' });
    expect(await fixture.sql('select subject, sent_time from outbox')).toEqual([
      { subject: 'shop.order.v1.OrderCreated', sent_time: null },
    ]);
  });

  it('under a taken key stores nothing', async () => {
    await fixture.add(pendingOrder());
    const other = pendingOrder({ orderId: 'order-2' });
    const key = { ...KEY, requestHash: 'other' };
    expect(await fixture.store.insert(other, key, [toStatusEvent(other)])).toBe(false);
    expect(await fixture.store.find('order-2')).toBeUndefined();
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
    expect((await fixture.store.findByKey(KEY))?.requestHash).toBe('hash');
  });

  it('fifty times concurrently under one key stores one order', async () => {
    const results = await Promise.all(
      orderIds(50).map((orderId) => {
        const order = pendingOrder({ orderId });
        return fixture.store.insert(order, { idempotencyKey: 'one', placedBy: 'guest', requestHash: 'h' }, [
          toStatusEvent(order),
        ]);
      }),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await fixture.sql('select from orders')).toHaveLength(1);
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
  });

  it('takes keys in their order: it holds none while it waits for an earlier one of another replica', async () => {
    // The ids, and so the keys, are in the other order than the customers and the calls.
    const orders = [
      pendingOrder({ orderId: 'order-b', customerId: 'ann' }),
      pendingOrder({ orderId: 'order-a', customerId: 'bob' }),
    ];
    const insert = (store: OrderStore, order: Order, orderId = order.orderId) =>
      store.insert({ ...order, orderId }, { ...KEY, idempotencyKey: `key of ${order.orderId}`, requestHash: 'h' }, []);
    const [second, first] = orders as [Order, Order];
    let waiting: Promise<boolean[]> | undefined;
    await fixture.inTransaction(async (other, query) => {
      expect(await insert(other, first, 'order-1')).toBe(true);
      waiting = Promise.all(orders.map((order) => insert(fixture.store, order)));
      await fixture.waitForBlocked();
      await query(`set local lock_timeout = '500ms'`);
      expect(await insert(other, second, 'order-2')).toBe(true);
    });
    expect(await waiting).toEqual([false, false]);
  });
});

describe('saving', () => {
  it('stores every field and returns the next version', async () => {
    const order = await fixture.add(pendingOrder());
    const saved = await fixture.store.save(changed(order), 1, []);
    expect(saved).toEqual({ ...changed(order), version: 2 });
    expect(await fixture.store.find('order-1')).toEqual(saved);
  });

  it('from an older version stores nothing, and no event', async () => {
    const order = await fixture.add(pendingOrder());
    await fixture.store.save(markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), ''), 1, []);
    const late = failedOrder();
    expect(await fixture.store.save(late, 1, [toStatusEvent(late)])).toBeUndefined();
    expect(await fixture.store.find('order-1')).toMatchObject({ status: 'PENDING', version: 2 });
    expect(await fixture.sql('select from outbox')).toHaveLength(1);
  });

  it('twenty times concurrently from one version stores one change, with its event', async () => {
    const order = await fixture.add(pendingOrder());
    const failed = decideFail(order, 'PAYMENT_FAILED', NOTHING_OWED, secondsLater(2));
    const results = await Promise.all(
      Array.from({ length: 20 }, () => fixture.store.save(failed, 1, [toStatusEvent(failed)])),
    );
    expect(results.filter((saved) => saved !== undefined)).toHaveLength(1);
    expect(await fixture.sql('select from outbox')).toHaveLength(2);
  });

  it('locks orders by their ids: it holds none while it waits for an earlier one of another replica', async () => {
    const orders: Order[] = [];
    for (const orderId of orderIds(20).reverse()) orders.push(await fixture.add(pendingOrder({ orderId })));
    let saving: Promise<(Order | undefined)[]> | undefined;
    await fixture.inTransaction(async (_, query) => {
      await query(`select from orders where order_id = 'order-000' for update`);
      saving = Promise.all(orders.map((order) => fixture.store.save(changed(order), 1, [])));
      await fixture.waitForBlocked();
      expect(await query(`select from orders where order_id > 'order-000' for update nowait`)).toHaveLength(19);
    });
    expect(await saving).toMatchObject(orders.map(({ orderId }) => ({ orderId, version: 2 })));
  });

  it.each<{ what: string; state: Partial<Order> }>([
    { what: 'CONFIRMED with the verdict FAIL', state: { status: 'CONFIRMED', verdict: 'FAIL' } },
    { what: 'FAILED with the verdict CONFIRM', state: { status: 'FAILED', verdict: 'CONFIRM' } },
    { what: 'CANCELLED with the verdict FAIL', state: { status: 'CANCELLED', verdict: 'FAIL' } },
    { what: 'REFUNDED with the verdict CANCEL', state: { status: 'REFUNDED', verdict: 'CANCEL' } },
    {
      what: 'REFUNDED and owes the release of its stock, which is sold',
      state: { status: 'REFUNDED', verdict: 'CONFIRM', owed: { release: true, refund: true } },
    },
    {
      what: 'CONFIRMED and owes a refund',
      state: { status: 'CONFIRMED', verdict: 'CONFIRM', owed: { release: false, refund: true } },
    },
  ])('an order that is $what is refused by the database', async ({ state }) => {
    const order = await fixture.add(pendingOrder());
    await expect(fixture.store.save({ ...order, ...state }, 1, [])).rejects.toThrow(/check constraint/);
  });

  it('an order with work left is due at some time, and one without is not: the database refuses others', async () => {
    for (const orderId of ['order-1', 'order-2']) await fixture.add(pendingOrder({ orderId }));
    const confirmed = markConfirmed(decideConfirm(pendingOrder(), secondsLater(1)), secondsLater(2));
    await fixture.store.save(confirmed, 1, []);
    for (const [orderId, time] of [
      ['order-1', 'now()'],
      ['order-2', 'null'],
    ]) {
      await expect(
        fixture.sql(`update orders set resume_time = ${time} where order_id = '${orderId}'`),
      ).rejects.toThrow(/check constraint/);
    }
  });
});

describe('claiming for the background', () => {
  it('takes an order once: the claim is a lease', async () => {
    await fixture.add(pendingOrder(), fixture.withoutLease);
    expect(await fixture.store.claim(10)).toHaveLength(1);
    expect(await fixture.store.claim(10)).toEqual([]);
  });
});

describe('counting what is open', () => {
  it('counts pending orders with the age of the oldest, and decided ones that owe compensation', async () => {
    expect(await fixture.store.countOpen()).toEqual({ pending: 0, oldestPendingMs: 0, compensations: 0 });
    for (const orderId of ['order-1', 'order-2', 'order-3', 'order-4']) await fixture.add(pendingOrder({ orderId }));
    await fixture.database.query(
      `update orders set create_time = now() - interval '1 second' * (case order_id when 'order-3' then 90 when 'order-4' then 10 else 999 end)`,
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

describe('pruning', () => {
  it('deletes a key after 30 days, and keeps its order', async () => {
    for (const orderId of ['order-1', 'order-2']) await fixture.add(pendingOrder({ orderId }));
    await fixture.sql(`update order_key set create_time =
      now() - interval '1 day' * (case idempotency_key when 'key of order-1' then 31 else 29 end)`);
    for (const rule of createOrderPruneRules(1_000)) await prune(fixture.database, rule);
    expect(await fixture.sql('select idempotency_key as key from order_key')).toEqual([{ key: 'key of order-2' }]);
    expect(await fixture.sql('select from orders')).toHaveLength(2);
  });
});

describe('listing', () => {
  const LAST = { size: 50, after: undefined };
  const everyOrder = { customerId: '', status: undefined };

  it.each(['store', 'withoutIndexes'] as const)(
    'is newest first, and by id where the times are equal, whatever the plan: %s',
    async (plan) => {
      for (const orderId of ['order-b', 'order-c', 'order-a']) await fixture.add(pendingOrder({ orderId }));
      await fixture.sql(`update orders set create_time = create_time + interval '1 hour' where order_id = 'order-a'`);
      const listed = await fixture[plan].list(everyOrder, LAST);
      expect(listed.map(({ orderId }) => orderId)).toEqual(['order-a', 'order-c', 'order-b']);
    },
  );

  it('returns one row more than the page holds', async () => {
    for (const orderId of orderIds(5)) await fixture.add(pendingOrder({ orderId }));
    expect(await fixture.store.list(everyOrder, { size: 3, after: undefined })).toHaveLength(4);
  });

  it('finds by customer, by status, and by both', async () => {
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

  it('pages through orders of the same millisecond, and loses none', async () => {
    const ids = orderIds(5);
    for (const orderId of ids) await fixture.add(pendingOrder({ orderId }));
    await fixture.sql(`update orders set create_time = timestamptz '2026-01-01 12:00:00.123Z'
      - interval '1 millisecond' * (case order_id when '${ids[0]}' then 1 else 0 end)`);
    const seen: string[] = [];
    let after: Page['after'];
    for (let page = 0; page < ids.length; page += 1) {
      const [order] = await fixture.store.list(everyOrder, { size: 1, after });
      if (order === undefined) throw new Error(`page ${page} is empty after ${seen}`);
      seen.push(order.orderId);
      after = [order.createTime.toISOString(), order.orderId];
    }
    expect(seen).toEqual(ids.toReversed());
    expect(await fixture.store.list(everyOrder, { size: 1, after })).toEqual([]);
  });

  it('reads a customer by the index of customers, with whichever plan is kept', async () => {
    await using resources = new AsyncDisposableStack();
    const testDatabase = resources.use(await createTestDatabase('order'));
    const url = new URL(testDatabase.databaseUrl);
    url.searchParams.set('options', '-c plan_cache_mode=force_generic_plan');
    const options = { size: 2, timeoutMs: 20_000, log: silentLog };
    const observer = createDatabase({ ...options, url: testDatabase.superuserUrl });
    resources.defer(() => observer.close());
    await observer.query(fillWithConfirmedOrders(20_000));
    await observer.query('analyze orders');
    const database = createDatabase({ ...options, url: url.href });
    try {
      const ofCustomer = { customerId: 'customer-499', status: undefined };
      expect(await createOrderStore(database, 0).list(ofCustomer, LAST)).toHaveLength(40);
    } finally {
      // A connection reports what it read when it ends.
      await database.close();
    }
    const reads = `select indexrelname as index, idx_tup_read::int as rows from pg_stat_user_indexes
      where indexrelname in ('orders_newest', 'orders_of_customer') order by 1`;
    await expect
      .poll(() => observer.query(reads), { timeout: 10_000 })
      .toEqual([
        { index: 'orders_newest', rows: 0 },
        { index: 'orders_of_customer', rows: 40 },
      ]);
  });
});
