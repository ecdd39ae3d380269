// What the statements of the order service read when it has many orders.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Order } from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { createOrderPruneRules, createOrderStore, type OrderStore, resumeNow } from '#services/order/order-store.ts';
import { createPriceStore, type PriceStore } from '#services/order/price-store.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { euros, pendingOrder } from '../../support/services/order-builders.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';

// Only old orders failed. The synthetic orders are as old as the real ones, but not old enough to be pruned.
const plans = useQueryPlans('order', [
  `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status, verdict,
      synthetic, timeline, version, create_time, update_time, lease_until)
    select 'order-' || n, 'customer-' || n % 500, '[]', '', 'EUR', 100, 'v1',
      case when n > 19900 then 'FAILED' else 'CONFIRMED' end, case when n > 19900 then 'FAIL' else 'CONFIRM' end,
      n % 50 = 0, '[]', 5, time, time, time
    from generate_series(1, 20000) as n, lateral (select now() - n * interval '1 second' as time) as made`,
  `insert into order_key (idempotency_key, request_hash, order_id, synthetic, create_time)
    select 'key-' || order_id, 'hash', order_id, synthetic, create_time from orders`,
  `insert into product_price select 'product-' || n, 'EUR', 100, 1 from generate_series(1, 20000) as n`,
]);

const store = () => createOrderStore(plans.database, 60_000);
const prices = () => createPriceStore(plans.database);

async function add(): Promise<Order> {
  const order = pendingOrder({ orderId: randomUUID() });
  await store().insert(order, { idempotencyKey: order.orderId, placedBy: 'guest', requestHash: 'hash' }, [
    toStatusEvent(order),
  ]);
  return order;
}

const PAGE = { size: 50, after: undefined };
const NEXT_PAGE = { size: 50, after: [new Date().toISOString(), 'order-1'] };

const statements: Record<keyof OrderStore | keyof PriceStore, () => Promise<unknown>> = {
  insert: add,
  findByKey: () => store().findByKey({ idempotencyKey: 'key-order-77', placedBy: 'guest' }),
  find: async () => {
    await store().find('order-77');
    await prices().find(['product-1', 'product-2']);
  },
  findNewer: () =>
    store().findNewer(Array.from({ length: 100 }, (_, index) => ({ orderId: `order-${index}`, version: index % 2 }))),
  list: async () => {
    for (const page of [PAGE, NEXT_PAGE]) {
      await store().list({ customerId: '', status: undefined }, page);
      await store().list({ customerId: 'customer-7', status: undefined }, page);
      await store().list({ customerId: '', status: 'FAILED' }, page);
      await store().list({ customerId: 'customer-7', status: 'FAILED' }, page);
    }
  },
  save: async () => {
    const order = await add();
    await store().save(order, order.version, [toStatusEvent(order)], { afterMs: 1_000, attempts: 1 });
  },
  claim: () => store().claim(8),
  countOpen: () => store().countOpen(),
  put: () => prices().put([{ productId: 'product-1', unitPrice: euros(200n), version: 2n }]),
  isLoaded: () => prices().isLoaded(),
  markLoaded: () => prices().markLoaded(),
};

const background: Record<string, () => Promise<unknown>> = {
  'making blocked orders due': () => resumeNow(plans.database, ['order-1', 'order-2']),
  'looking for orders to prune when there is none': async () => {
    for (const rule of createOrderPruneRules(86_400_000)) expect(await prune(plans.database, rule)).toBe(0);
  },
};

describe('with many orders', () => {
  it.each(Object.entries({ ...statements, ...background }))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries({ ...statements, ...background }))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('claiming a few of many due orders reads no others', async () => {
    const due = `release_owed = true, resume_time = now(), status = 'CANCELLED', verdict = 'CANCEL'`;
    await plans.sql(`update orders set ${due} where order_id like 'order-1____'`);
    await plans.sql('analyze orders');

    const scans = await plans.findScans(() => store().claim(8));

    await plans.sql('update orders set release_owed = false, resume_time = null where release_owed');
    await plans.sql('vacuum analyze orders');
    expect(scans).toEqual([]);
  });
});
