// rpc GetSalesSummary: the sales of a time span.
import type { GetSalesSummaryRequest } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { readTime } from './event-times.ts';
import { summarizeSales } from './sales.ts';
import { toSummaryMessage } from './sales-messages.ts';
import type { SalesStore } from './sales-store.ts';

export type GetSalesSummaryDependencies = { readonly store: SalesStore; readonly now: () => Date };

/**
 * Returns the summary.
 * @throws {DomainError} `invalid_argument`.
 */
export async function getSalesSummary({ store, now }: GetSalesSummaryDependencies, request: GetSalesSummaryRequest) {
  const validation = createValidation();
  const start = readTime(validation, 'start_time', request.startTime, { required: false });
  const end = readTime(validation, 'end_time', request.endTime, { required: false });
  if (start !== undefined && start >= (end ?? now())) {
    if (request.endTime === undefined) validation.add('start_time', 'must be in the past when there is no end_time');
    else validation.add('end_time', 'must be after start_time');
  }
  validation.throwIfInvalid();
  // An open end leaves today a whole day, whose sums are stored; an end of now would sum up its minutes.
  return { summary: toSummaryMessage(summarizeSales(await store.sum({ start, end }))) };
}
