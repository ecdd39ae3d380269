// The implementation of OpsService, the operators' RPCs, which every service serves.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { type ListDeadLettersRequest, OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { BulkheadRejectedError, createBulkhead } from '../base/bulkhead.ts';
import { createValidation, isUuid, type Validation } from '../base/validation.ts';
import type { DeadLetter, DeadLetters } from '../messaging/dead-letters.ts';
import { overloaded } from '../server/load-shedding.ts';
import { checkOf } from '../server/request-rules.ts';
import { cutPage, parsePage, type RequestedPage } from '../storage/page.ts';
import { createStatusReader, type StatusSources } from './service-status.ts';

// As many as the database of operators has connections.
const MAX_CALLS = 2;
const MAX_QUEUED_CALLS = 50;
const MAX_QUEUE_MS = 1_000;

/** What is checked of requests beside the rules of the contract. */
export const OPS_CHECKS = [checkOf(OpsService.method.listDeadLetters, readPage)];

/**
 * Creates the implementation for one service. Its calls have a bulkhead of their own, because load shedding admits all of them. GetStatus
 * needs none: concurrent calls share one reading.
 */
export function createOpsService(status: StatusSources, deadLetters: DeadLetters): ServiceImpl<typeof OpsService> {
  const readStatus = createStatusReader(status);
  const bulkhead = createBulkhead({ maxConcurrent: MAX_CALLS, maxQueued: MAX_QUEUED_CALLS });
  status.metrics.observeBulkhead('ops', bulkhead.view);

  const inBulkhead = async <T>(work: () => Promise<T>, { signal }: HandlerContext): Promise<T> => {
    const release = await bulkhead.acquire(MAX_QUEUE_MS, signal).catch((error: unknown) => {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      status.metrics.bulkheadRejected.inc({ bulkhead: 'ops' });
      throw overloaded(error);
    });
    try {
      return await work();
    } finally {
      release();
    }
  };
  return {
    getStatus: async () => ({ status: await readStatus() }),

    listDeadLetters: async (request, context) => {
      const validation = createValidation();
      const page = readPage(request, validation);
      validation.throwIfInvalid();
      const { rows, nextPageToken } = cutPage(
        await inBulkhead(() => deadLetters.list(page), context),
        page,
        (letter) => [letter.position, letter.deadLetterId],
      );
      return { deadLetters: rows.map(toMessage), nextPageToken };
    },

    replayDeadLetter: async ({ deadLetterId }, context) => {
      await inBulkhead(() => deadLetters.replay(deadLetterId), context);
      return {};
    },

    discardDeadLetter: async ({ deadLetterId }, context) => {
      await inBulkhead(() => deadLetters.discard(deadLetterId), context);
      return {};
    },
  };
}

function readPage(request: ListDeadLettersRequest, validation: Validation): RequestedPage {
  const list = { filter: ['dead letters'], keyCount: 2, areKeys: isDeadLetterKey };
  return parsePage(request, list, validation);
}

function isDeadLetterKey([position = '', id = '']: readonly string[]): boolean {
  return /^\d{1,16}$/.test(position) && isUuid(id);
}

function toMessage(letter: DeadLetter) {
  const { createTime, position: _, ...rest } = letter;
  return { ...rest, createTime: timestampFromDate(createTime) };
}
