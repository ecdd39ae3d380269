// Events on their way out, stored in the transaction of the change they tell of. outbox-relay.ts publishes them.
import { type Sql, sql } from '../storage/sql.ts';
import type { OutgoingEvent } from './event.ts';

/** How many parameters `insertOutboxSql` takes. */
export const OUTBOX_PARAMETERS = 4;

/**
 * SQL that stores events, for use as a statement or inside `with`. Its parameters are `outboxValues`, from `$first` on.
 * `onlyIf` names a common table expression of the same statement: with no row in it, nothing is stored.
 */
export function insertOutboxSql(first: number, onlyIf?: string): string {
  const [id, subject, payload, headers] = [first, first + 1, first + 2, first + 3];
  const condition = onlyIf === undefined ? '' : ` where exists (select from ${onlyIf})`;
  return `insert into outbox (event_id, subject, payload, headers)
    select event.* from unnest($${id}::uuid[], $${subject}::text[], $${payload}::bytea[], $${headers}::jsonb[]) as event${condition}`;
}

/** Stores events: for use as a statement or inside `with`. With `onlyIf`, nothing is stored when that fragment has no row. */
export function insertEvents(events: readonly OutgoingEvent[], onlyIf?: Sql): Sql {
  const [ids, subjects, payloads, headers] = outboxValues(events);
  const condition = onlyIf === undefined ? sql`` : sql` where exists (select from ${onlyIf})`;
  return sql`insert into outbox (event_id, subject, payload, headers)
    select event.* from unnest(${ids}::uuid[], ${subjects}::text[], ${payloads}::bytea[], ${headers}::jsonb[]) as event${condition}`;
}

/** The parameters of `insertOutboxSql` for these events. */
export function outboxValues(events: readonly OutgoingEvent[]): readonly unknown[] {
  return [
    events.map((event) => event.id),
    events.map((event) => event.subject),
    events.map((event) => Buffer.from(event.payload)),
    events.map((event) => JSON.stringify(event.headers)),
  ];
}
