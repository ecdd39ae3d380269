// The inbox: applies each event once, by recording its id in the transaction of its effect. It also counts the failures of handlers.
import { randomUUID } from 'node:crypto';
import { cleanText } from '../base/text.ts';
import { isUuid } from '../base/validation.ts';
import { summarizeError } from '../observability/log.ts';
import { keepContextOf, traceIdOf } from '../observability/tracing.ts';
import type { Database, Transaction } from '../storage/database.ts';
import { sql } from '../storage/sql.ts';
import type { ApplyAll, EventHandler } from './event-handler.ts';

const MAX_HEADER_LENGTH = 1_000;

/** An event as it was delivered. */
export type ReceivedEvent = {
  readonly stream: string;
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/** An event that was read and is ready to be applied. */
export type ReadyEvent = {
  readonly event: Pick<ReceivedEvent, 'stream' | 'id'>;
  /** Events with the same function are applied by one call of it. */
  readonly applyAll: ApplyAll<unknown>;
  /** Undefined when the event changes nothing. */
  readonly item: unknown;
  readonly isIdempotent: boolean;
};

/**
 * Reads an event for `applyTogether`, in the current trace.
 * @throws {DomainError} when it can never be applied.
 */
export function prepareEvent(event: ReceivedEvent, { apply, batch }: EventHandler): ReadyEvent {
  if (batch !== undefined) {
    const { read, applyAll, isIdempotent } = batch;
    return { event, applyAll, item: read(event.payload), isIdempotent };
  }
  const applyInContext = keepContextOf((transaction: Transaction) => apply(event.payload, transaction));
  return { event, applyAll: (_, transaction) => applyInContext(transaction), item: event, isIdempotent: false };
}

/**
 * Applies events in one transaction, each unless it was applied before. Returns for each whether it was applied now.
 *
 * @throws what a handler throws; then none of them is applied.
 */
export async function applyTogether(database: Database, events: readonly ReadyEvent[]): Promise<boolean[]> {
  const idempotent = events.filter(({ isIdempotent }) => isIdempotent);
  if (idempotent.length > 0) await applyIdempotent(database, idempotent);
  const others = events.filter(({ isIdempotent }) => !isIdempotent);
  const applied = others.length === 0 ? new Set<ReadyEvent>() : await applyUnlessKnown(database, others);
  return events.map((event) => event.isIdempotent || applied.has(event));
}

// Each statement commits by itself.
async function applyIdempotent(database: Database, events: readonly ReadyEvent[]): Promise<void> {
  const hints: (() => void)[] = [];
  await applyGroups(events, {
    query: (statement, values) => database.query(statement, values),
    afterCommit: (hint) => hints.push(hint),
  });
  for (const hint of hints) hint();
}

function applyUnlessKnown(database: Database, events: readonly ReadyEvent[]): Promise<Set<ReadyEvent>> {
  return database.transaction(async (transaction) => {
    const recorded = await recordReceipts(
      transaction,
      events.map(({ event }) => event),
    );
    // An event that was delivered twice is applied once.
    const fresh = events.filter(({ event }) => recorded.delete(event.id.toLowerCase()));
    await applyGroups(fresh, transaction);
    return new Set(fresh);
  });
}

async function applyGroups(events: readonly ReadyEvent[], transaction: Transaction): Promise<void> {
  const items = new Map<ApplyAll<unknown>, unknown[]>();
  for (const { applyAll, item } of events) {
    const group = items.get(applyAll) ?? [];
    if (item !== undefined) group.push(item);
    items.set(applyAll, group);
  }
  for (const [applyAll, group] of items) if (group.length > 0) await applyAll(group, transaction);
}

/** Records that an event is applied in this transaction, and deletes its failures; returns false when it was applied before. */
export async function recordReceipt(
  transaction: Transaction,
  event: Pick<ReceivedEvent, 'stream' | 'id'>,
): Promise<boolean> {
  return (await recordReceipts(transaction, [event])).size > 0;
}

// Sorted: two replicas that record the same events wait for each other in one order, so they cannot deadlock.
async function recordReceipts(
  transaction: Transaction,
  events: readonly Pick<ReceivedEvent, 'stream' | 'id'>[],
): Promise<Set<string>> {
  const ids = events.map(({ id }) => id).sort();
  const rows = await transaction.query<{ id: string }>(sql`
    with forgotten as (
      delete from event_failure using unnest(${events.map(({ stream }) => stream)}::text[], ${events.map(({ id }) => id)}::uuid[])
        as applied (stream, event_id)
      where event_failure.stream = applied.stream and event_failure.event_id = applied.event_id
    )
    insert into inbox (event_id) select unnest(${ids}::uuid[]) on conflict do nothing returning event_id::text as id`);
  return new Set(rows.map(({ id }) => id));
}

/** Counts one more failure of an event's handler; returns the new count. */
export async function countFailure(database: Database, event: ReceivedEvent, error: unknown): Promise<number> {
  const [row] = await database.query<{ attempts: number }>(sql`
    insert into event_failure (stream, event_id, attempts, error)
    values (${event.stream}, ${event.id}, 1, ${summarizeError(error)})
    on conflict (stream, event_id)
    do update set attempts = event_failure.attempts + 1, error = excluded.error, update_time = now()
    returning attempts`);
  return row?.attempts ?? 1;
}

// Postgres refuses what headers from outside may hold: the event would be redelivered for ever.
function cleanHeaders(headers: ReceivedEvent['headers']): Record<string, string> {
  const clean = (text: string): string => cleanText(text, MAX_HEADER_LENGTH);
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [clean(name), clean(value)]));
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
      delete from event_failure where stream = ${event.stream} and event_id = ${isUuid(event.id) ? event.id : null}::uuid
    )
    insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
    values (
      ${randomUUID()}, ${event.stream}, ${event.id}, ${event.subject}, ${Buffer.from(event.payload)},
      ${JSON.stringify(cleanHeaders(event.headers))}::jsonb, ${summarizeError(error)}, ${attempts},
      ${traceIdOf(event.headers.traceparent)}
    )
    on conflict (stream, event_id) do nothing`);
}
