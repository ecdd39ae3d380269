// rpc WatchSales: the sales of today so far, and again after changes.

import type { SalesFeed } from './sales-feed.ts';
import { toSummaryMessage } from './sales-messages.ts';

/** Yields summaries until `signal` aborts. Throws DomainError `resource_exhausted` TOO_MANY_WATCHERS. */
export async function* watchSales(feed: Pick<SalesFeed, 'follow'>, signal: AbortSignal) {
  for await (const sales of feed.follow(signal)) yield { summary: toSummaryMessage(sales) };
}
