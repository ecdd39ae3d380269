// The inbox: applies each event once, by recording its id in the transaction of its effect. It also counts the failures of handlers.
import { randomUUID } from 'node:crypto';
import { describeError } from '../base/errors.ts';
import { scrubSecrets } from '../observability/log.ts';
import { traceIdOf } from '../observability/tracing.ts';
import type { Database, Transaction } from '../storage/database.ts';
import { sql } from '../storage/sql.ts';
import type { EventHandler } from './event-handler.ts';

/** An event as it was delivered. */
export type ReceivedEvent = {
  readonly stream: string;
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Applies an event unless it was applied before; returns whether it was applied now.
 *
 * @throws what the handler throws.
 */
export function applyOnce(database: Database, event: ReceivedEvent, handler: EventHandler): Promise<boolean> {
  return database.transaction(async (transaction) => {
    if (!(await recordReceipt(transaction, event))) return false;
    await handler.apply(event.payload, transaction);
    return true;
  });
}

/** Records that an event is applied in this transaction, and deletes its failures; returns false when it was applied before. */
export async function recordReceipt(
  transaction: Transaction,
  { stream, id }: Pick<ReceivedEvent, 'stream' | 'id'>,
): Promise<boolean> {
  const rows = await transaction.query(sql`
    with forgotten as (delete from event_failure where stream = ${stream} and event_id = ${id})
    insert into inbox (event_id) values (${id}) on conflict do nothing returning event_id`);
  return rows.length > 0;
}

/** Counts one more failure of an event's handler; returns the new count. */
export async function countFailure(database: Database, event: ReceivedEvent, error: unknown): Promise<number> {
  const [row] = await database.query<{ attempts: number }>(sql`
    insert into event_failure (stream, event_id, attempts, error)
    values (${event.stream}, ${event.id}, 1, ${scrubSecrets(describeError(error))})
    on conflict (stream, event_id)
    do update set attempts = event_failure.attempts + 1, error = excluded.error, update_time = now()
    returning attempts`);
  return row?.attempts ?? 1;
}

/** Stores an event as a dead letter; storing it again changes nothing. */
export async function storeDeadLetter(
  database: Database,
  event: ReceivedEvent,
  error: unknown,
  attempts: number,
): Promise<void> {
  await database.query(sql`
    with forgotten as (
      delete from event_failure where stream = ${event.stream} and event_id::text = lower(${event.id})
    )
    insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
    values (
      ${randomUUID()}, ${event.stream}, ${event.id}, ${event.subject}, ${Buffer.from(event.payload)},
      ${JSON.stringify(event.headers)}::jsonb, ${scrubSecrets(describeError(error))}, ${attempts},
      ${traceIdOf(event.headers.traceparent)}
    )
    on conflict (stream, event_id) do nothing`);
}
