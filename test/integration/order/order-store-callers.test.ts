// What an order's caller means to the store: keys are the caller's, and a customer may have so many pending orders.
import { describe, expect, it } from 'vitest';
import type { NewOrder } from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { createOrderStore, type OrderStore } from '#services/order/order-store.ts';
import { pendingOrder } from '../../support/services/order-builders.ts';
import { orderIds, useOrderStore } from './order-store-fixture.ts';

const fixture = useOrderStore();

describe('a key', () => {
  it('belongs to its caller: two callers may use the same one', async () => {
    const [first, second] = [pendingOrder(), pendingOrder({ orderId: 'order-2', placedBy: 'customer:alice' })];
    for (const order of [first, second]) {
      const key = { idempotencyKey: 'one', placedBy: order.placedBy, requestHash: 'h' };
      expect(await fixture.store.insert(order, key, [])).toBe(true);
    }
    const found = async (placedBy: string) =>
      (await fixture.store.findByKey({ idempotencyKey: 'one', placedBy }))?.order;
    expect(await found('guest')).toEqual(first);
    expect(await found('customer:alice')).toEqual(second);
    expect(await found('customer:bob')).toBeUndefined();
  });
});

describe('the pending orders of a customer', () => {
  const limited = () => createOrderStore(fixture.database, 60_000, 3);
  const insert = (store: OrderStore, change: Partial<NewOrder>) => {
    const order = pendingOrder({ customerId: 'alice', placedBy: 'customer:alice', ...change });
    const key = { idempotencyKey: order.orderId, placedBy: order.placedBy, requestHash: 'h' };
    return store.insert(order, key, [toStatusEvent(order)]);
  };

  it('are limited, also when they are placed together', async () => {
    const store = limited();
    const results = await Promise.all(orderIds(10).map((orderId) => insert(store, { orderId })));
    expect(results.filter(Boolean)).toHaveLength(3);
    expect(await insert(store, { orderId: 'late' })).toBe(false);
    expect(await fixture.sql('select from order_key')).toHaveLength(3);
    expect(await fixture.sql('select from outbox')).toHaveLength(3);
  });

  it('make room once one has ended', async () => {
    const store = limited();
    await Promise.all(orderIds(3).map((orderId) => insert(store, { orderId })));
    await fixture.sql(
      `update orders set status = 'FAILED', verdict = 'FAIL', resume_time = null where order_id = 'order-001'`,
    );
    expect(await insert(store, { orderId: 'next' })).toBe(true);
  });

  it('do not count for another customer', async () => {
    const store = limited();
    await Promise.all(orderIds(3).map((orderId) => insert(store, { orderId })));
    expect(await insert(store, { orderId: 'of bob', customerId: 'bob', placedBy: 'customer:bob' })).toBe(true);
  });

  it('do not count for another customer whose orders are placed at the same moment', async () => {
    const store = limited();
    const results = await Promise.all(
      ['alice', 'bob'].flatMap((customerId) =>
        orderIds(3).map((orderId) =>
          insert(store, { orderId: `${orderId} of ${customerId}`, customerId, placedBy: `customer:${customerId}` }),
        ),
      ),
    );
    expect(results).toEqual(Array(6).fill(true));
  });

  it('are not joined by a duplicate that arrives at the same moment as the last one', async () => {
    const store = limited();
    const [first = '', second = ''] = orderIds(2);
    await Promise.all([first, second].map((orderId) => insert(store, { orderId })));
    // The order of another customer is being stored while the two come together.
    const results = await Promise.all([
      insert(store, { orderId: 'of bob', customerId: 'bob', placedBy: 'customer:bob' }),
      insert(store, { orderId: first }),
      insert(store, { orderId: 'third' }),
    ]);
    expect(results).toEqual([true, false, true]);
  });

  it('are limited by the customer id where guests place them', async () => {
    const store = limited();
    const results = await Promise.all(orderIds(4).map((orderId) => insert(store, { orderId, placedBy: 'guest' })));
    expect(results.filter(Boolean)).toHaveLength(3);
  });

  it.each(['operator:olga', 'monitor:monitor'])('are not limited for %s', async (placedBy) => {
    const store = limited();
    const results = await Promise.all(orderIds(5).map((orderId) => insert(store, { orderId, placedBy })));
    expect(results.filter(Boolean)).toHaveLength(5);
  });
});

describe('the list without the orders of guests', () => {
  it('holds what was placed by or for the customer', async () => {
    const placed = { guest: 'guest', customer: 'customer:alice', operator: 'operator:olga' };
    for (const [orderId, placedBy] of Object.entries(placed)) {
      await fixture.add(pendingOrder({ orderId, placedBy, customerId: 'alice' }));
    }
    const filter = { customerId: 'alice', status: undefined, excludeGuests: true };
    const listed = await fixture.store.list(filter, { size: 50, after: undefined });
    expect(listed.map(({ orderId }) => orderId).sort()).toEqual(['customer', 'operator']);
  });
});
