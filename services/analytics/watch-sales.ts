// rpc WatchSales: the sales of today so far, and again after each change.
import type { WatchSalesRequest } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import type { Call } from '../platform/server/call.ts';
import type { SalesFeed } from './sales-feed.ts';
import { toSummaryMessage } from './sales-messages.ts';

export type WatchSalesDependencies = { readonly feed: Pick<SalesFeed, 'follow'> };

/**
 * Yields summaries until the caller hangs up.
 * @throws {DomainError} TOO_MANY_WATCHERS.
 */
export async function* watchSales(
  { feed }: WatchSalesDependencies,
  _request: WatchSalesRequest,
  { signal }: Pick<Call, 'signal'>,
) {
  for await (const sales of feed.follow(signal)) yield { summary: toSummaryMessage(sales) };
}
