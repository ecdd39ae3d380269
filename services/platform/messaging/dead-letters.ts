// The dead letters: events that could not be applied. An operator lists, replays or discards them.
import { type Domain, streamOf } from '../base/domain.ts';
import { DomainError, failedPrecondition, notFound } from '../base/errors.ts';
import { isUuid } from '../base/validation.ts';
import { summarizeError } from '../observability/log.ts';
import type { Database } from '../storage/database.ts';
import type { Page } from '../storage/page.ts';
import { rawSql, type Sql, sql } from '../storage/sql.ts';
import type { EventHandler, Subscription } from './event-handler.ts';
import { recordReceipt } from './inbox.ts';

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
  /** Its sort key in the list: `createTime` in microseconds since 1970, which a Date cannot hold. */
  readonly position: string;
};

export type DeadLetters = {
  /** Returns one row more than the page holds, oldest first. */
  list(page: Page): Promise<DeadLetter[]>;
  /**
   * Applies a dead letter and deletes it in the same transaction.
   *
   * @throws {DomainError} `not_found` DEAD_LETTER_NOT_FOUND; `failed_precondition` REPLAY_FAILED when it still cannot be applied.
   */
  replay(deadLetterId: string): Promise<void>;
  /** Deletes a dead letter; one that does not exist is no error. */
  discard(deadLetterId: string): Promise<void>;
};

const COLUMNS =
  rawSql(`dead_letter_id as "deadLetterId", stream, event_id as "eventId", subject, payload, headers, error, attempts,
  trace_id as "traceId", create_time as "createTime", (extract(epoch from create_time) * 1000000)::bigint::text as position`);

/** Creates the dead letters of a service, which are replayed to the handlers of `subscriptions`. */
export function createDeadLetters(
  database: Database,
  domain: Domain,
  subscriptions: readonly Subscription[],
): DeadLetters {
  const handlerOf = (letter: DeadLetter): EventHandler | undefined =>
    subscriptions
      .find((subscription) => streamOf(domain, subscription.producer) === letter.stream)
      ?.handlers.find((handler) => handler.subject === letter.subject);

  return {
    list: ({ size, after }) =>
      database.query<DeadLetter>(
        sql`select ${COLUMNS} from dead_letter ${after === undefined ? sql`` : isAfter(after)}
          order by create_time, dead_letter_id limit ${size + 1}`,
      ),

    replay: async (deadLetterId) => {
      await database.transaction(async (transaction) => {
        const [letter] = await transaction.query<DeadLetter>(
          sql`delete from dead_letter where dead_letter_id = ${deadLetterId} returning ${COLUMNS}`,
        );
        if (letter === undefined) throw notFound('DEAD_LETTER_NOT_FOUND', `there is no dead letter ${deadLetterId}`);
        const handler = handlerOf(letter);
        if (handler === undefined) {
          throw failedPrecondition('REPLAY_FAILED', `nothing here handles ${letter.subject} of ${letter.stream}`);
        }
        // Another delivery has applied the event in the meantime: only delete the letter.
        const { stream, eventId: id } = letter;
        if (isUuid(id) && !(await recordReceipt(transaction, { stream, id }))) return;
        try {
          await handler.apply(letter.payload, transaction);
        } catch (error) {
          if (error instanceof DomainError && error.kind === 'unavailable') throw error;
          throw failedPrecondition('REPLAY_FAILED', `it still cannot be applied: ${summarizeError(error)}`);
        }
      });
    },

    discard: async (deadLetterId) => {
      await database.query(sql`delete from dead_letter where dead_letter_id = ${deadLetterId}`);
    },
  };
}

function isAfter([position, deadLetterId]: readonly string[]): Sql {
  return sql`where (create_time, dead_letter_id)
    > ('epoch'::timestamptz + ${position}::bigint * interval '1 microsecond', ${deadLetterId}::uuid)`;
}
