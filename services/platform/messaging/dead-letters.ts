// The events that could not be applied: listed, applied again, or forgotten, by an operator.

import { DomainError, describeError, failedPrecondition, notFound } from '../base/errors.ts';
import type { Database } from '../storage/database.ts';
import type { Page } from '../storage/page.ts';
import type { EventHandler, Subscription } from './event-handler.ts';
import { recordReceipt } from './inbox.ts';
import { streamOf } from './streams.ts';

export type DeadLetter = {
  readonly deadLetterId: string;
  readonly stream: string;
  readonly eventId: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Record<string, string>;
  readonly error: string;
  readonly attempts: number;
  readonly traceId: string;
  readonly createTime: Date;
  /** Its place in the list: the time of its making in microseconds since 1970, which a Date cannot hold. */
  readonly position: string;
};

export type DeadLetters = {
  /** One row more than the page holds, oldest first. */
  list(page: Page): Promise<DeadLetter[]>;
  /** Applies a dead letter and forgets it in the same transaction. Throws DEAD_LETTER_NOT_FOUND or REPLAY_FAILED. */
  replay(deadLetterId: string): Promise<void>;
  /** Forgets a dead letter; one that is gone is no error. */
  discard(deadLetterId: string): Promise<void>;
};

const COLUMNS = `dead_letter_id as "deadLetterId", stream, event_id as "eventId", subject, payload, headers, error, attempts,
  trace_id as "traceId", create_time as "createTime", (extract(epoch from create_time) * 1000000)::bigint::text as position`;

/** Makes the dead letters of a service; `subscriptions` tell which handler an event is for. */
export function createDeadLetters(database: Database, subscriptions: readonly Subscription[]): DeadLetters {
  const handlerOf = (letter: DeadLetter): EventHandler | undefined =>
    subscriptions
      .find((subscription) => streamOf(subscription.producer) === letter.stream)
      ?.handlers.find((handler) => handler.subject === letter.subject);

  return {
    list: ({ size, after }) =>
      database.query<DeadLetter>(
        `select ${COLUMNS} from dead_letter
         where ($1::bigint is null
           or (create_time, dead_letter_id) > ('epoch'::timestamptz + $1::bigint * interval '1 microsecond', $2::uuid))
         order by create_time, dead_letter_id limit $3`,
        [after?.[0] ?? null, after?.[1] ?? null, size + 1],
      ),

    replay: async (deadLetterId) => {
      await database.transaction(async (transaction) => {
        const [letter] = await transaction.query<DeadLetter>(
          `delete from dead_letter where dead_letter_id = $1 returning ${COLUMNS}`,
          [deadLetterId],
        );
        if (letter === undefined) throw notFound('DEAD_LETTER_NOT_FOUND', `there is no dead letter ${deadLetterId}`);
        const handler = handlerOf(letter);
        if (handler === undefined) {
          throw failedPrecondition('REPLAY_FAILED', `nothing here handles ${letter.subject} of ${letter.stream}`);
        }
        // Applied meanwhile by another delivery: then only the letter goes.
        const { stream, eventId: id } = letter;
        if (isUuid(id) && !(await recordReceipt(transaction, { stream, id }))) return;
        try {
          await handler.apply(letter.payload, transaction);
        } catch (error) {
          if (error instanceof DomainError && error.kind === 'unavailable') throw error;
          throw failedPrecondition('REPLAY_FAILED', `it still cannot be applied: ${describeError(error)}`);
        }
      });
    },

    discard: async (deadLetterId) => {
      await database.query('delete from dead_letter where dead_letter_id = $1', [deadLetterId]);
    },
  };
}
