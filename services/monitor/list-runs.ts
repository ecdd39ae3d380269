// rpc ListRuns: a page of ended runs, newest first.
import type { ListRunsRequest } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { cutPage, isTimeAndUuid, parsePage, type RequestedPage } from '../platform/storage/page.ts';
import { fromJourneyMessage, toRunMessage } from './run-messages.ts';
import type { RunStore } from './run-store.ts';

export type ListRunsDependencies = { readonly store: Pick<RunStore, 'list'> };

/**
 * Returns the page.
 * @throws {DomainError} `invalid_argument`.
 */
export async function listRuns({ store }: ListRunsDependencies, request: ListRunsRequest) {
  const validation = createValidation();
  const page = readPage(request, validation);
  validation.throwIfInvalid();
  const runs = await store.list(fromJourneyMessage(request.journey), page);
  const { rows, nextPageToken } = cutPage(runs, page, ({ startTime, runId }) => [startTime.toISOString(), runId]);
  return { runs: rows.map(toRunMessage), nextPageToken };
}

/** Reads the page that is asked for, and adds a violation for a wrong token. */
export function readPage(request: ListRunsRequest, validation: Validation): RequestedPage {
  const list = { filter: ['runs', request.journey], keyCount: 2, areKeys: isTimeAndUuid };
  return parsePage(request, list, validation);
}
