import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Order } from '#services/order/order.ts';
import { createOrderChanges } from '#services/order/order-changes.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { createFakeOrderStore } from '../../support/services/fake-order-store.ts';
import { blockedOrder, pendingOrder } from '../../support/services/order-builders.ts';

const FOR_EVER = new AbortController().signal;

function watchStore(...orders: Order[]) {
  const store = createFakeOrderStore(...orders);
  const changes = createOrderChanges(store);
  let lookUps = 0;
  const { findNewer } = store;
  store.findNewer = (known) => {
    lookUps += 1;
    return findNewer(known);
  };
  return {
    store,
    changes,
    lookUps: () => lookUps,
    /** Stores a change as another replica would: without a notification in this one. */
    storeElsewhere: (order: Order) => store.put({ ...order, version: store.current(order.orderId).version + 1 }),
  };
}

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

afterEach(() => void vi.useRealTimers());

describe('following an order', () => {
  it('begins with the order as it is stored', async () => {
    const { changes } = watchStore(blockedOrder());
    const following = changes.follow('order-1', FOR_EVER);
    expect((await following.next()).value).toEqual(blockedOrder());
  });

  it('yields a change as soon as it is notified', async () => {
    const { changes, storeElsewhere, lookUps } = watchStore(pendingOrder());
    const following = changes.follow('order-1', FOR_EVER);
    await following.next();
    const next = following.next();
    storeElsewhere(blockedOrder());
    changes.notify(blockedOrder());
    expect((await next).value).toMatchObject({ version: 2, reason: 'INVENTORY_UNAVAILABLE' });
    expect(lookUps()).toBe(2);
  });

  it('finds a change of another replica by its periodic look-up', async () => {
    vi.useFakeTimers().setTimerTickMode('nextTimerAsync');
    const { changes, storeElsewhere } = watchStore(pendingOrder());
    const following = changes.follow('order-1', FOR_EVER);
    await following.next();
    storeElsewhere(blockedOrder());
    expect((await following.next()).value).toMatchObject({ version: 2 });
  });

  it('yields no version twice, however often it is notified', async () => {
    const { changes, lookUps } = watchStore(pendingOrder());
    const following = changes.follow('order-1', FOR_EVER);
    await following.next();
    const next = following.next();
    for (const count of [2, 3, 4]) {
      changes.notify(pendingOrder());
      await expect.poll(lookUps, { interval: 1 }).toBe(count);
    }
    expect(await isSettled(next)).toBe(false);
  });

  it('is not woken by other orders', async () => {
    const { changes, lookUps } = watchStore(pendingOrder(), pendingOrder({ orderId: 'order-2' }));
    const following = changes.follow('order-1', FOR_EVER);
    await following.next();
    void following.next();
    changes.notify(pendingOrder({ orderId: 'order-2' }));
    expect(lookUps()).toBe(1);
  });

  it('wakes all followers of the same order', async () => {
    const { changes, storeElsewhere } = watchStore(pendingOrder());
    const followers = [changes.follow('order-1', FOR_EVER), changes.follow('order-1', FOR_EVER)];
    await Promise.all(followers.map((following) => following.next()));
    const next = followers.map((following) => following.next());
    storeElsewhere(blockedOrder());
    changes.notify(blockedOrder());
    expect((await Promise.all(next)).map(({ value }) => value.version)).toEqual([2, 2]);
  });

  it.each([
    ['of the same order', 'order-1'],
    ['of another order', 'order-2'],
  ])('goes on for a follower %s when one leaves', async (_, other) => {
    vi.useFakeTimers().setTimerTickMode('nextTimerAsync');
    const { changes, storeElsewhere } = watchStore(pendingOrder(), pendingOrder({ orderId: 'order-2' }));
    const leaving = changes.follow('order-1', FOR_EVER);
    const staying = changes.follow(other, FOR_EVER);
    await Promise.all([leaving.next(), staying.next()]);

    await leaving.return(undefined);
    storeElsewhere({ ...blockedOrder(), orderId: other });

    expect((await staying.next()).value).toMatchObject({ orderId: other, version: 2 });
    await staying.return(undefined);
  });

  it('ends without another look-up when its caller gave up between two changes', async () => {
    vi.useFakeTimers();
    const { changes } = watchStore(pendingOrder());
    const caller = new AbortController();
    const following = changes.follow('order-1', caller.signal);
    await following.next();

    caller.abort();

    expect(await following.next()).toEqual({ done: true, value: undefined });
  });

  it('costs one look-up for all followers of all orders', async () => {
    vi.useFakeTimers();
    const orders = Array.from({ length: 50 }, (_, index) => pendingOrder({ orderId: `order-${index}` }));
    const { changes, lookUps } = watchStore(...orders);
    const caller = new AbortController();
    const followers = Array.from({ length: 500 }, (_, index) => changes.follow(`order-${index % 50}`, caller.signal));

    const first = await Promise.all(followers.map((following) => following.next()));
    const rest = followers.map((following) => following.next());
    expect(first.every(({ done }) => done === false)).toBe(true);
    expect(lookUps()).toBeLessThanOrEqual(2);
    const atStart = lookUps();
    await vi.advanceTimersByTimeAsync(1_000);

    expect(lookUps() - atStart).toBe(4);
    caller.abort();
    expect((await Promise.all(rest)).every(({ done }) => done)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('finds an order that was stored after another follower was told that there is none', async () => {
    const { changes, store } = watchStore();
    const answer = Promise.withResolvers<void>();
    const { findNewer } = store;
    store.findNewer = async (known) => {
      store.findNewer = findNewer;
      const found = await findNewer(known);
      await answer.promise;
      return found;
    };
    const early = changes.follow('order-1', FOR_EVER).next();
    store.put(pendingOrder());
    const late = changes.follow('order-1', FOR_EVER).next();
    answer.resolve();

    expect((await late).value).toMatchObject({ orderId: 'order-1' });
    await early;
  });

  it('ends when it is aborted', async () => {
    const caller = new AbortController();
    const { changes } = watchStore(pendingOrder());
    const following = changes.follow('order-1', caller.signal);
    await following.next();
    const end = following.next();
    caller.abort();
    expect((await end).done).toBe(true);
  });

  it('leaves no listener on the signal of its caller between two changes', async () => {
    const caller = new AbortController();
    const { changes } = watchStore(pendingOrder());
    await changes.follow('order-1', caller.signal).next();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('yields nothing when it is aborted already', async () => {
    const { changes, lookUps } = watchStore(pendingOrder());
    expect((await changes.follow('order-1', AbortSignal.abort()).next()).done).toBe(true);
    expect(lookUps()).toBe(0);
  });

  it('ends immediately for an order that does not exist', async () => {
    const { changes } = watchStore();
    expect((await changes.follow('no-such', FOR_EVER).next()).done).toBe(true);
  });

  it('throws when the database is down', async () => {
    const { store, changes } = watchStore(pendingOrder());
    store.findNewer = async () => {
      throw unavailable({
        reason: 'DATABASE_UNAVAILABLE',
        message: 'the database cannot be reached now',
        retryAfterMs: 1_000,
      });
    };
    await expect(changes.follow('order-1', FOR_EVER).next()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  });

  it('ignores a change that has no follower', () => {
    const { changes } = watchStore();
    expect(() => changes.notify(pendingOrder())).not.toThrow();
  });
});
