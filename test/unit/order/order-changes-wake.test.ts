// Following an order by notifications alone: time stands still, so the periodic look-up never happens.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createOrderChanges } from '#services/order/order-changes.ts';
import { createFakeOrderStore } from '../../support/services/fake-order-store.ts';
import { blockedOrder, pendingOrder } from '../../support/services/order-builders.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('yields a change as soon as it is notified', async () => {
  const store = createFakeOrderStore(pendingOrder());
  const changes = createOrderChanges(store);
  const following = changes.follow('order-1', new AbortController().signal);
  await following.next();
  const next = following.next();
  store.put({ ...blockedOrder(), version: 2 });
  changes.notify(blockedOrder());
  expect((await next).value).toMatchObject({ version: 2 });
});

it('misses no change that is made during a look-up', async () => {
  const store = createFakeOrderStore(pendingOrder());
  const changes = createOrderChanges(store);
  const following = changes.follow('order-1', new AbortController().signal);
  const { findNewer } = store;
  store.findNewer = async (known) => {
    store.findNewer = findNewer;
    const found = await findNewer(known);
    store.put({ ...blockedOrder(), version: 2 });
    changes.notify(blockedOrder());
    return found;
  };
  const yielded: number[] = [];
  while (yielded.at(-1) !== 2) yielded.push((await following.next()).value?.version ?? 0);
  expect(yielded.length).toBeLessThanOrEqual(2);
});

it('misses no change that is notified while the follower handles the previous one', async () => {
  const store = createFakeOrderStore(pendingOrder());
  const changes = createOrderChanges(store);
  const following = changes.follow('order-1', new AbortController().signal);
  await following.next();
  store.put({ ...blockedOrder(), version: 2 });
  changes.notify(blockedOrder());
  expect((await following.next()).value).toMatchObject({ version: 2 });
});

it('ends without a notification when it is aborted', async () => {
  const caller = new AbortController();
  const changes = createOrderChanges(createFakeOrderStore(pendingOrder()));
  const following = changes.follow('order-1', caller.signal);
  await following.next();
  const end = following.next();
  caller.abort();
  expect((await end).done).toBe(true);
});
