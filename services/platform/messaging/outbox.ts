// The outbox: events stored in the transaction of the change that they report. outbox-relay.ts publishes them.
import { type Sql, sql } from '../storage/sql.ts';
import type { OutgoingEvent } from './event.ts';

/**
 * Stores events, as a statement or inside `with`.
 *
 * @param onlyIf a common table expression of the same statement; when it has no row, no event is stored.
 */
export function insertEvents(events: readonly OutgoingEvent[], onlyIf?: Sql): Sql {
  const [ids, subjects, payloads, headers] = outboxValues(events);
  const condition = onlyIf === undefined ? sql`` : sql` where exists (select from ${onlyIf})`;
  return sql`insert into outbox (event_id, subject, payload, headers)
    select event.* from unnest(${ids}::uuid[], ${subjects}::text[], ${payloads}::bytea[], ${headers}::jsonb[]) as event${condition}`;
}

/** An event that is stored only when the row with this key was written. */
export type KeyedEvent = { readonly key: string; readonly event: OutgoingEvent };

/** Stores, inside `with`, those of the events whose key is in `written`: a query of one text column over the statement's other parts. */
export function insertKeyedEvents(keyed: readonly KeyedEvent[], written: Sql): Sql {
  const [ids, subjects, payloads, headers] = outboxValues(keyed.map(({ event }) => event));
  const keys = keyed.map(({ key }) => key);
  return sql`insert into outbox (event_id, subject, payload, headers)
    select event_id, subject, payload, headers from unnest(
      ${keys}::text[], ${ids}::uuid[], ${subjects}::text[], ${payloads}::bytea[], ${headers}::jsonb[]
    ) as event (key, event_id, subject, payload, headers) where key in (${written})`;
}

/** The columns of these events, one list each. */
function outboxValues(events: readonly OutgoingEvent[]): readonly unknown[] {
  return [
    events.map((event) => event.id),
    events.map((event) => event.subject),
    events.map((event) => Buffer.from(event.payload)),
    events.map((event) => JSON.stringify(event.headers)),
  ];
}
