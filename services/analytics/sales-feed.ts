// The feed of today's sales for watchers: queries after each change of this replica, and polls for the changes of other replicas.
// Changes in quick succession are reported as one, and all watchers share a query.
import { isDeepStrictEqual } from 'node:util';
import { pause } from '../platform/base/backoff.ts';
import { createChangeSignal } from '../platform/base/change-signal.ts';
import { DomainError } from '../platform/base/errors.ts';
import { dayOf, type Sales, summarizeSales } from './sales.ts';
import type { SalesStore } from './sales-store.ts';

const POLL_PERIOD_MS = 1_000;
const MIN_GAP_MS = 250;
// Summing up a day of many orders is slow: the pause after a query is this many times its duration.
const PAUSE_FACTOR = 4;
// The feed has one topic.
const TODAY = 'today';
const MAX_WATCHERS = 100;
const RETRY_AFTER_MS = 5_000;

export type SalesFeed = {
  /** Wakes the watchers to query again. */
  changed(): void;
  /**
   * Yields the sales of today so far, and again after each change, until `signal` aborts.
   * @throws {DomainError} TOO_MANY_WATCHERS.
   */
  follow(signal: AbortSignal): AsyncGenerator<Sales>;
};

export type SalesFeedOptions = { readonly store: SalesStore; readonly now: () => Date };

/** Creates the feed of one replica. */
export function createSalesFeed({ store, now }: SalesFeedOptions): SalesFeed {
  const changes = createChangeSignal(POLL_PERIOD_MS);
  let watchers = 0;
  let latest: { readonly sales: Promise<Sales>; readonly freshUntilMs: number } | undefined;
  let isQuerying = false;

  const queryNow = async (): Promise<Sales> => {
    isQuerying = true;
    try {
      return summarizeSales(await store.sum(dayOf(now())));
    } finally {
      isQuerying = false;
    }
  };
  const readToday = (): Promise<Sales> => {
    const nowMs = performance.now();
    if (latest === undefined || (!isQuerying && nowMs >= latest.freshUntilMs)) {
      latest = { sales: queryNow(), freshUntilMs: nowMs + MIN_GAP_MS };
    }
    return latest.sales;
  };

  return {
    changed: () => changes.notify(TODAY),
    follow: async function* (signal) {
      if (watchers >= MAX_WATCHERS) throw tooManyWatchers();
      watchers += 1;
      try {
        let reported: Sales | undefined;
        while (!signal.aborted) {
          // Subscribe before the query, so that a change in between is not missed.
          const change = changes.next(TODAY, signal);
          const startedMs = performance.now();
          const sales = await readToday();
          const pauseMs = Math.max(MIN_GAP_MS, PAUSE_FACTOR * (performance.now() - startedMs));
          if (!isDeepStrictEqual(sales, reported)) yield sales;
          reported = sales;
          await change;
          await pause(pauseMs, signal);
        }
      } finally {
        watchers -= 1;
      }
    },
  };
}

function tooManyWatchers(): DomainError {
  const words = `${MAX_WATCHERS} callers are already watching the sales at this replica`;
  return new DomainError({
    kind: 'resource_exhausted',
    reason: 'TOO_MANY_WATCHERS',
    message: words,
    retryAfterMs: RETRY_AFTER_MS,
  });
}
