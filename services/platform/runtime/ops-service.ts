// The implementation of OpsService, the operators' RPCs, which every service serves.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { createValidation, isUuid } from '../base/validation.ts';
import type { DeadLetter, DeadLetters } from '../messaging/dead-letters.ts';
import { cutPage, parsePage } from '../storage/page.ts';
import { readStatus, type StatusSources } from './service-status.ts';

/** Creates the implementation for one service. */
export function createOpsService(status: StatusSources, deadLetters: DeadLetters): ServiceImpl<typeof OpsService> {
  return {
    getStatus: async () => ({ status: await readStatus(status) }),

    listDeadLetters: async (request) => {
      const validation = createValidation();
      const list = { filter: ['dead letters'], keyCount: 2, areKeys: isDeadLetterKey };
      const page = parsePage(request, list, validation);
      validation.throwIfInvalid();
      const { rows, nextPageToken } = cutPage(await deadLetters.list(page), page, (letter) => [
        letter.position,
        letter.deadLetterId,
      ]);
      return { deadLetters: rows.map(toMessage), nextPageToken };
    },

    replayDeadLetter: async ({ deadLetterId }) => {
      requireDeadLetterId(deadLetterId);
      await deadLetters.replay(deadLetterId);
      return {};
    },

    discardDeadLetter: async ({ deadLetterId }) => {
      requireDeadLetterId(deadLetterId);
      await deadLetters.discard(deadLetterId);
      return {};
    },
  };
}

function requireDeadLetterId(deadLetterId: string): void {
  const validation = createValidation();
  if (!isUuid(deadLetterId)) validation.add('dead_letter_id', 'must be the id of a dead letter, a UUID');
  validation.throwIfInvalid();
}

function isDeadLetterKey([position = '', id = '']: readonly string[]): boolean {
  return /^\d{1,16}$/.test(position) && isUuid(id);
}

function toMessage(letter: DeadLetter) {
  const { createTime, position: _, ...rest } = letter;
  return { ...rest, createTime: timestampFromDate(createTime) };
}
