// The order store on a real Postgres: which orders the background claims, and when.
import { describe, expect, it } from 'vitest';
import { decideCancel, decideConfirm, markBlocked, markConfirmed, type Order } from '#services/order/order.ts';
import { createOrderStore, resumeNow } from '#services/order/order-store.ts';
import { installTracing, runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import { pendingOrder, secondsLater } from '../../support/services/order-builders.ts';
import { changed, orderIds, useOrderStore } from './order-store-fixture.ts';

const fixture = useOrderStore();

/** Stores that an order is blocked; the background works on it again after `afterMs`. */
function block(order: Order, resume: { afterMs: number; attempts: number }): Promise<Order | undefined> {
  const blocked = markBlocked(order, 'RESERVE_STOCK', 'INVENTORY_UNAVAILABLE', secondsLater(1), '');
  return fixture.store.save(blocked, order.version, [], resume);
}

/** The claimed orders' ids. */
async function claimIds(limit: number, store = fixture.store): Promise<string[]> {
  return (await store.claim(limit)).map(({ order }) => order.orderId);
}

/** In whole minutes from now, so that the time a test itself takes is rounded away. */
async function minutesUntil(column: 'resume_time' | 'lease_until', orderId = 'order-1'): Promise<number | undefined> {
  const [row] = await fixture.sql<{ minutes: number }>(
    `select round(extract(epoch from ${column} - now()) / 60)::int as minutes from orders where order_id = '${orderId}'`,
  );
  return row?.minutes;
}

describe('claiming', () => {
  it('skips an order that was just accepted: its call holds the lease', async () => {
    await fixture.add(pendingOrder());
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims an order whose lease is over, with its attempts', async () => {
    const saved = await block(await fixture.add(pendingOrder(), fixture.withoutLease), { afterMs: 0, attempts: 3 });
    expect(await fixture.store.claim(10)).toEqual([{ order: saved, attempts: 3, traceparent: '' }]);
  });

  it('claims an order with the trace of the call that placed it', async () => {
    installTracing();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await runInSpan({ name: 'place', kind: SpanKind.SERVER, headers: { traceparent } }, () =>
      fixture.add(pendingOrder(), fixture.withoutLease),
    );
    const [claimed] = await fixture.store.claim(1);
    expect(traceIdOf(claimed?.traceparent)).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('takes no order that another replica claims at the same moment, and does not wait for it', async () => {
    for (const orderId of orderIds(2)) await fixture.add(pendingOrder({ orderId }), fixture.withoutLease);
    await fixture.sql(`update orders set resume_time = now() - interval '1 hour' where order_id = 'order-000'`);
    await fixture.database.transaction(async ({ query }) => {
      const other = createOrderStore({ ...fixture.database, query }, 60_000);
      expect(await claimIds(1, other)).toEqual(['order-000']);
      expect(await claimIds(10)).toEqual(['order-001']);
    });
  });

  it('puts an order whose replica died behind those that wait', async () => {
    for (const orderId of orderIds(2)) await fixture.add(pendingOrder({ orderId }), fixture.withoutLease);
    await fixture.sql(
      `update orders set resume_time = now() - interval '1 hour' * (case order_id when 'order-000' then 2 else 1 end)`,
    );
    expect(await claimIds(1, fixture.withoutLease)).toEqual(['order-000']);
    expect(await claimIds(1, fixture.withoutLease)).toEqual(['order-001']);
  });

  it('claims it again when the claiming replica died and the lease is over', async () => {
    await fixture.add(pendingOrder(), fixture.withoutLease);
    expect(await fixture.withoutLease.claim(10)).toHaveLength(1);
    expect(await fixture.withoutLease.claim(10)).toHaveLength(1);
  });

  it('skips an order that was changed without ending the lease', async () => {
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const cancelled = decideCancel(order, secondsLater(1));
    await fixture.store.save(cancelled, 1, []);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('keeps the longer lease of a replica with a longer budget when an order is changed', async () => {
    const order = await fixture.add(pendingOrder());
    await fixture.withoutLease.save(decideCancel(order, secondsLater(1)), 1, []);
    expect(await minutesUntil('lease_until')).toBe(1);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims a blocked order before its lease is over: a failed step ends the lease', async () => {
    await block(await fixture.add(pendingOrder()), { afterMs: 0, attempts: 1 });
    expect(await claimIds(10)).toEqual(['order-1']);
  });

  it('counts the attempts again after a step that succeeded', async () => {
    const blocked = await block(await fixture.add(pendingOrder()), { afterMs: 0, attempts: 3 });
    await fixture.withoutLease.save(decideConfirm(blocked!, secondsLater(2)), 2, []);
    await fixture.sql('update orders set lease_until = now()');
    expect(await fixture.store.claim(10)).toMatchObject([{ attempts: 0 }]);
  });

  it('delays a blocked order by a minute at most', async () => {
    await block(await fixture.add(pendingOrder()), { afterMs: 3_600_000, attempts: 1 });
    expect(await minutesUntil('resume_time')).toBe(1);
  });

  it.each(['lease_until', 'resume_time'])(
    'claims an order whose %s is far ahead because the clock was set back',
    async (column) => {
      await fixture.add(pendingOrder(), fixture.withoutLease);
      await fixture.sql(`update orders set ${column} = now() + interval '1 hour'`);
      expect(await fixture.store.claim(10)).toHaveLength(1);
      expect(await fixture.store.claim(10)).toEqual([]);
    },
  );

  it('skips an order that is as far ahead as a lease or a delay may be', async () => {
    await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.sql(`update orders set lease_until = now() + interval '1 minute'`);
    expect(await fixture.store.claim(10)).toEqual([]);
    expect(await fixture.withoutLease.claim(10)).toEqual([]);
    await fixture.sql(`update orders set lease_until = now(), resume_time = now() + interval '1 minute'`);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('skips an order until its delay is over', async () => {
    await block(await fixture.add(pendingOrder(), fixture.withoutLease), { afterMs: 60_000, attempts: 1 });
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('skips an order that has ended', async () => {
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    const confirmed = markConfirmed(decideConfirm(order, secondsLater(1)), secondsLater(2));
    await fixture.store.save(confirmed, 1, []);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('claims a failed order that owes compensation', async () => {
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.store.save(changed(order), 1, [], { afterMs: 0, attempts: 1 });
    expect(await fixture.store.claim(10)).toHaveLength(1);
  });

  it.each(['few rows, no statistics', 'many rows, fresh statistics'])(
    'never claims more than its limit, the longest due first: %s',
    async (table) => {
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
    for (const orderId of orderIds(40)) await fixture.add(pendingOrder({ orderId }), fixture.withoutLease);
    const batches = await Promise.all(Array.from({ length: 8 }, () => fixture.store.claim(16)));
    const ids = batches.flat().map(({ order }) => order.orderId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(16);
  });
});

describe('resuming now', () => {
  it('makes a blocked order due immediately', async () => {
    await block(await fixture.add(pendingOrder(), fixture.withoutLease), { afterMs: 60_000, attempts: 1 });
    await resumeNow(fixture.database, ['order-1']);
    expect(await claimIds(10)).toEqual(['order-1']);
  });

  it('concerns the order of the event only', async () => {
    for (const orderId of orderIds(2)) {
      await block(await fixture.add(pendingOrder({ orderId })), { afterMs: 60_000, attempts: 1 });
    }
    await resumeNow(fixture.database, ['order-001']);
    expect(await claimIds(10)).toEqual(['order-001']);
  });

  it('leaves an order alone that ends at the same moment', async () => {
    const blocked = await block(await fixture.add(pendingOrder()), { afterMs: 60_000, attempts: 1 });
    const confirmed = markConfirmed(decideConfirm(blocked!, secondsLater(2)), secondsLater(3));
    let resuming: Promise<boolean> | undefined;
    await fixture.inTransaction(async (other) => {
      await other.save(confirmed, 2, []);
      resuming = resumeNow(fixture.database, ['order-1']);
      await fixture.waitForBlocked();
    });
    expect(await resuming).toBe(false);
    expect(await fixture.store.find('order-1')).toMatchObject({ status: 'CONFIRMED', version: 3 });
  });

  it('locks orders by their ids: it holds none while it waits for an earlier one of another replica', async () => {
    for (const orderId of ['order-b', 'order-a']) {
      await block(await fixture.add(pendingOrder({ orderId })), { afterMs: 60_000, attempts: 1 });
    }
    let resuming: Promise<boolean> | undefined;
    await fixture.inTransaction(async (_, query) => {
      await query(`select from orders where order_id = 'order-a' for update`);
      resuming = resumeNow(fixture.database, ['order-b', 'order-a']);
      await fixture.waitForBlocked();
      expect(await query(`select from orders where order_id = 'order-b' for update nowait`)).toHaveLength(1);
    });
    expect(await resuming).toBe(true);
  });

  it('does not end the lease of an order, even one that is due far ahead', async () => {
    await fixture.add(pendingOrder());
    await fixture.sql(`update orders set resume_time = now() + interval '1 minute'`);
    await resumeNow(fixture.database, ['order-1']);
    expect(await minutesUntil('lease_until')).toBe(1);
    expect(await fixture.store.claim(10)).toEqual([]);
  });

  it('leaves an order in its place that has been due for longer', async () => {
    await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.sql(`update orders set resume_time = now() - interval '1 hour'`);
    await resumeNow(fixture.database, ['order-1']);
    expect(await minutesUntil('resume_time')).toBe(-60);
  });

  it('does not make an order due that has ended or does not exist', async () => {
    const order = await fixture.add(pendingOrder(), fixture.withoutLease);
    await fixture.store.save(markConfirmed(decideConfirm(order, secondsLater(1)), secondsLater(2)), 1, []);
    await resumeNow(fixture.database, ['order-1']);
    await resumeNow(fixture.database, ['no-such']);
    expect(await fixture.store.claim(10)).toEqual([]);
  });
});
