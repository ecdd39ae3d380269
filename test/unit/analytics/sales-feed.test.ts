import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSalesFeed } from '#services/analytics/sales-feed.ts';
import { NOON } from '../../support/services/sales-builders.ts';
import { createFakeSales, rowsOf } from './fakes.ts';

const MAX_WATCHERS = 100;
const SHORTEST_PAUSE_MS = 250;

function openFeed() {
  const store = createFakeSales();
  const feed = createSalesFeed({ store, now: () => NOON });
  const sell = (syntheticOrders: bigint): void => {
    store.rows = rowsOf({ syntheticOrders });
    feed.changed();
  };
  return { feed, store, sell };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('following the sales', () => {
  it('starts at once with the sales of today by UTC, and continues with the next change', async () => {
    const { feed, store, sell } = openFeed();
    const following = feed.follow(new AbortController().signal);

    expect((await following.next()).value).toMatchObject({ syntheticOrders: 0n });
    const next = following.next();
    sell(1n);
    await vi.advanceTimersByTimeAsync(SHORTEST_PAUSE_MS);

    expect((await next).value).toMatchObject({ syntheticOrders: 1n });
    expect(store.sum.mock.calls[0]).toEqual([
      { start: new Date('2026-03-01T00:00:00.000Z'), end: new Date('2026-03-02T00:00:00.000Z') },
    ]);
    await following.return(undefined);
  });

  it('reports several changes as one, and nothing when nothing has changed', async () => {
    const { feed, store, sell } = openFeed();
    const following = feed.follow(new AbortController().signal);
    await following.next();
    const next = following.next();
    feed.changed();
    await vi.advanceTimersByTimeAsync(SHORTEST_PAUSE_MS);
    expect(store.sum).toHaveBeenCalledTimes(2);
    for (const count of [1n, 2n, 3n]) sell(count);
    await vi.advanceTimersByTimeAsync(SHORTEST_PAUSE_MS);

    expect((await next).value).toMatchObject({ syntheticOrders: 3n });
    await following.return(undefined);
  });

  it('shares a query among watchers', async () => {
    const { feed, store } = openFeed();
    const { signal } = new AbortController();

    await Promise.all([1, 2, 3].map(() => feed.follow(signal).next()));

    expect(store.sum).toHaveBeenCalledTimes(1);
  });

  it('shares a query that takes long with the watchers who come in the meantime', async () => {
    const { feed, store } = openFeed();
    const looked = Promise.withResolvers<void>();
    store.sum.mockImplementationOnce(async () => {
      await looked.promise;
      return store.rows;
    });
    const { signal } = new AbortController();

    const first = feed.follow(signal).next();
    await vi.advanceTimersByTimeAsync(SHORTEST_PAUSE_MS + 1);
    const second = feed.follow(signal).next();
    looked.resolve();

    expect((await second).value).toEqual((await first).value);
    expect(store.sum).toHaveBeenCalledTimes(1);
  });

  it('refuses more watchers than its limit, until one of them leaves', async () => {
    const { feed } = openFeed();
    const controller = new AbortController();
    const watchers = Array.from({ length: MAX_WATCHERS }, () => feed.follow(controller.signal));
    await Promise.all(watchers.map((watcher) => watcher.next()));

    const refused = feed.follow(controller.signal).next();
    await expect(refused).rejects.toMatchObject({ kind: 'resource_exhausted', reason: 'TOO_MANY_WATCHERS' });
    await watchers[0]?.return(undefined);

    expect((await feed.follow(controller.signal).next()).done).toBe(false);
  });

  it('ends when the caller hangs up', async () => {
    const { feed } = openFeed();
    const controller = new AbortController();
    const following = feed.follow(controller.signal);
    await following.next();
    const next = following.next();
    controller.abort();

    expect((await next).done).toBe(true);
  });
});

describe('a change during a look-up', () => {
  it('is reported after the shortest pause, and not only by the periodic look-up', async () => {
    const { feed, store, sell } = openFeed();
    const looked = Promise.withResolvers<void>();
    store.sum.mockImplementationOnce(async () => {
      const before = store.rows;
      await looked.promise;
      return before;
    });
    const following = feed.follow(new AbortController().signal);
    const first = following.next();
    await vi.advanceTimersByTimeAsync(0);
    sell(1n);
    looked.resolve();

    expect((await first).value).toMatchObject({ syntheticOrders: 0n });
    const next = following.next();
    await vi.advanceTimersByTimeAsync(SHORTEST_PAUSE_MS);

    expect(store.sum).toHaveBeenCalledTimes(2);
    expect((await next).value).toMatchObject({ syntheticOrders: 1n });
    await following.return(undefined);
  });
});
