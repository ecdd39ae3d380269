// Each event is applied once: its id is recorded in the transaction of its effect. Failures of handlers are counted here too.
import { randomUUID } from 'node:crypto';
import { describeError } from '../base/errors.ts';
import { scrubSecrets } from '../observability/log.ts';
import { traceIdOf } from '../observability/tracing.ts';
import type { Database, Transaction } from '../storage/database.ts';
import type { EventHandler } from './event-handler.ts';

/** An event as it arrived. */
export type ReceivedEvent = {
  readonly stream: string;
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/** Applies an event unless it was applied before; returns whether it was applied now. Throws what the handler throws. */
export function applyOnce(database: Database, event: ReceivedEvent, handler: EventHandler): Promise<boolean> {
  return database.transaction(async (transaction) => {
    if (!(await recordReceipt(transaction, event))) return false;
    await handler.apply(event.payload, transaction);
    return true;
  });
}

/** Records that an event is applied in this transaction, and forgets its failures; returns false when it was applied before. */
export async function recordReceipt(
  transaction: Transaction,
  { stream, id }: Pick<ReceivedEvent, 'stream' | 'id'>,
): Promise<boolean> {
  const rows = await transaction.query(
    `with forgotten as (delete from event_failure where stream = $2 and event_id = $1)
     insert into inbox (event_id) values ($1) on conflict do nothing returning event_id`,
    [id, stream],
  );
  return rows.length > 0;
}

/** Counts one more failure of an event's handler; returns how many there are now. */
export async function countFailure(database: Database, event: ReceivedEvent, error: unknown): Promise<number> {
  const [row] = await database.query<{ attempts: number }>(
    `insert into event_failure (stream, event_id, attempts, error) values ($1, $2, 1, $3)
     on conflict (stream, event_id)
     do update set attempts = event_failure.attempts + 1, error = excluded.error, update_time = now()
     returning attempts`,
    [event.stream, event.id, scrubSecrets(describeError(error))],
  );
  return row?.attempts ?? 1;
}

/** Sets an event aside as a dead letter, once however often it is repeated. */
export async function storeDeadLetter(
  database: Database,
  event: ReceivedEvent,
  error: unknown,
  attempts: number,
): Promise<void> {
  await database.query(
    `with forgotten as (delete from event_failure where stream = $2 and event_id::text = lower($3))
     insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9)
     on conflict (stream, event_id) do nothing`,
    [
      randomUUID(),
      event.stream,
      event.id,
      event.subject,
      Buffer.from(event.payload),
      JSON.stringify(event.headers),
      scrubSecrets(describeError(error)),
      attempts,
      traceIdOf(event.headers.traceparent),
    ],
  );
}
