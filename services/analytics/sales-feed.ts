// Tells watchers of the sales of today: a look after each change made by this replica, and by a period for those of others.
// Changes that come close together are told as one, and watchers share their looks.
import { isDeepStrictEqual } from 'node:util';
import { pause } from '../platform/base/backoff.ts';
import { DomainError } from '../platform/base/errors.ts';
import { dayOf, type Sales, summarizeSales } from './sales.ts';
import type { SalesStore } from './sales-store.ts';

const LOOK_UP_PERIOD_MS = 1_000;
const LEAST_GAP_MS = 250;
// A day of many orders takes its time to sum up: looks rest this many times as long as they took.
const REST_FACTOR = 4;
const MAX_WATCHERS = 100;
const RETRY_AFTER_MS = 5_000;

export type SalesFeed = {
  /** Has those who watch look again. */
  changed(): void;
  /**
   * Yields the sales of today so far, then each time they have changed, until `signal` aborts. Throws DomainError
   * `resource_exhausted` TOO_MANY_WATCHERS.
   */
  follow(signal: AbortSignal): AsyncGenerator<Sales>;
};

export type SalesFeedOptions = { readonly store: SalesStore; readonly now: () => Date };

/** Makes the feed of one replica. */
export function createSalesFeed({ store, now }: SalesFeedOptions): SalesFeed {
  const waiting = new Set<() => void>();
  let watchers = 0;
  let look: { readonly sales: Promise<Sales>; readonly freshUntilMs: number } | undefined;
  let isLooking = false;

  const lookNow = async (): Promise<Sales> => {
    isLooking = true;
    try {
      return summarizeSales(await store.sum(dayOf(now())));
    } finally {
      isLooking = false;
    }
  };
  const readToday = (): Promise<Sales> => {
    const nowMs = performance.now();
    if (look === undefined || (!isLooking && nowMs >= look.freshUntilMs)) {
      look = { sales: lookNow(), freshUntilMs: nowMs + LEAST_GAP_MS };
    }
    return look.sales;
  };

  return {
    changed: () => {
      for (const wake of waiting) wake();
    },
    follow: async function* (signal) {
      if (watchers >= MAX_WATCHERS) throw tooManyWatchers();
      watchers += 1;
      try {
        let told: Sales | undefined;
        while (!signal.aborted) {
          // Asked for before the look, so that a change in between is not missed.
          const change = nextChange(waiting, signal);
          const startedMs = performance.now();
          const sales = await readToday();
          const restMs = Math.max(LEAST_GAP_MS, REST_FACTOR * (performance.now() - startedMs));
          if (!isDeepStrictEqual(sales, told)) yield sales;
          told = sales;
          await change;
          await pause(restMs, signal);
        }
      } finally {
        watchers -= 1;
      }
    },
  };
}

async function nextChange(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const waking = new AbortController();
  const wake = (): void => waking.abort();
  waiting.add(wake);
  try {
    await pause(LOOK_UP_PERIOD_MS, AbortSignal.any([signal, waking.signal]));
  } finally {
    waiting.delete(wake);
  }
}

function tooManyWatchers(): DomainError {
  const words = `${MAX_WATCHERS} callers watch the sales here already`;
  return new DomainError({
    kind: 'resource_exhausted',
    reason: 'TOO_MANY_WATCHERS',
    message: words,
    retryAfterMs: RETRY_AFTER_MS,
  });
}
