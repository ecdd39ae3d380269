// The SQL of reservations. Each statement locks product rows first, by product_id, and the reservation's own row last: with one lock
// order for all statements, no two calls can deadlock.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertEvents, insertKeyedEvents } from '../platform/messaging/outbox.ts';
import type { Queryable } from '../platform/storage/database.ts';
import type { PruneRule } from '../platform/storage/pruner.ts';
import { rawSql, type Sql, sql } from '../platform/storage/sql.ts';
import type { Reservation, ReservationState, Shortage, StockLine } from './reservation.ts';

/** A reservation to be inserted. */
export type ReservationDraft = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly lines: readonly StockLine[];
  readonly synthetic: boolean;
  readonly time: Date;
};

/** The result of an attempt to reserve. */
export type ReserveResult =
  | { readonly kind: 'reserved'; readonly reservation: Reservation }
  /** The order was decided before. */
  | { readonly kind: 'decided'; readonly reservation: Reservation }
  | { readonly kind: 'short'; readonly shortages: readonly Shortage[] }
  /** A concurrent call decided the order while this statement waited; the statement's snapshot does not show its decision. */
  | { readonly kind: 'conflict' };

type ReservationRow = {
  readonly order_id: string;
  readonly reservation_id: string;
  readonly state: ReservationState;
  readonly lines: readonly { readonly product_id: string; readonly quantity: number }[];
  readonly shortages: readonly ShortageJson[];
  readonly version: number;
  readonly synthetic: boolean;
  readonly update_time: Date;
};
type ShortageJson = { readonly product_id: string; readonly requested: number; readonly available: number };
type ReserveRow = Omit<ReservationRow, 'order_id'> & {
  readonly order_id: string | null;
  readonly is_new: boolean;
  readonly short: readonly ShortageJson[] | null;
};
/** The reservation that a confirm or a release changes. An empty `reservationId` matches every reservation of the order. */
export type ReservedKey = { readonly orderId: string; readonly reservationId: string; readonly time: Date };

const COLUMN_NAMES = 'order_id, reservation_id, state, lines, shortages, version, synthetic, update_time';
const COLUMNS = rawSql(COLUMN_NAMES);
const QUALIFIED_COLUMNS = rawSql(COLUMN_NAMES.replaceAll(/\w+/g, 'reservation.$&'));

/** A reservation to be inserted, and the event that reports it. */
export type DraftWithEvent = { readonly draft: ReservationDraft; readonly event: OutgoingEvent };

/**
 * Reserves for each order all lines or none, with its event, in one statement. The lines of an order hold each product once. When the
 * stock does not suffice for all of several orders, nothing is stored, and the result is undefined: reserve for one at a time then.
 *
 * `for update` waits for the holder of a product's lock and then reads the newest numbers, whatever the statement's snapshot shows. An
 * unknown product has nothing available. The update writes what the lock read, on_hand included: Postgres first checks constraints on
 * the snapshot's version of a row, in which a release or delivery committed in the meantime is missing.
 */
export async function insertReservations(
  queryable: Queryable,
  drafts: readonly DraftWithEvent[],
): Promise<ReserveResult[] | undefined> {
  const rows = await queryable.query<ReserveRow>(insertReservationsSql(drafts));
  const known = new Map(rows.flatMap((row) => (row.order_id === null ? [] : [[row.order_id, row] as const])));
  const short = rows[0]?.short ?? null;
  if (short !== null && drafts.length > 1) return undefined;
  return drafts.map(({ draft: { orderId } }) => {
    const row = known.get(orderId);
    if (row !== undefined) {
      const reservation = toReservation({ ...row, order_id: orderId });
      return { kind: row.is_new ? 'reserved' : 'decided', reservation };
    }
    return short === null ? { kind: 'conflict' } : { kind: 'short', shortages: short.map(toShortage) };
  });
}

function insertReservationsSql(drafts: readonly DraftWithEvent[]): Sql {
  const orderIds = drafts.map(({ draft }) => draft.orderId);
  const events = drafts.map(({ draft, event }) => ({ key: draft.orderId, event }));
  return sql`
  with draft as (
    select * from unnest(
      ${orderIds}::text[], ${drafts.map(({ draft }) => draft.reservationId)}::uuid[],
      ${drafts.map(({ draft }) => encodeLines(draft.lines))}::jsonb[], ${drafts.map(({ draft }) => draft.synthetic)}::boolean[],
      ${drafts.map(({ draft }) => draft.time)}::timestamptz[]
    ) as draft (order_id, reservation_id, lines, synthetic, time)
  ), known as materialized (
    select ${COLUMNS} from reservation where order_id = any (${orderIds}::text[])
  ), wanted as materialized (
    select draft.order_id, line.product_id, line.quantity
    from draft, jsonb_to_recordset(draft.lines) as line (product_id text, quantity int)
    where not exists (select from known where known.order_id = draft.order_id)
  ), total as materialized (
    select product_id, sum(quantity) as quantity from wanted group by product_id
  ), locked as materialized (
    select product_id, on_hand, reserved from product where product_id = any (array(select product_id from total))
    order by product_id for update
  ), line as materialized (
    select total.product_id, total.quantity, on_hand, reserved, coalesce(on_hand - reserved, 0) as available
    from total left join locked on locked.product_id = total.product_id
  ), inserted as (
    insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
    select order_id, reservation_id, 'RESERVED', lines, '[]', synthetic, time, time from draft
    where not exists (select from line where line.available < line.quantity)
      and not exists (select from known where known.order_id = draft.order_id)
    order by order_id
    on conflict (order_id) do nothing
    returning ${COLUMNS}
  ), moved as materialized (
    select wanted.product_id, sum(wanted.quantity) as quantity, max(inserted.update_time) as update_time
    from wanted join inserted on inserted.order_id = wanted.order_id group by wanted.product_id
  ), reserved_stock as (
    update product set on_hand = line.on_hand, reserved = line.reserved + moved.quantity, update_time = moved.update_time
    from line, moved where product.product_id = line.product_id and moved.product_id = line.product_id
  ), events as (
    ${insertKeyedEvents(events, sql`select order_id from inserted`)}
  )
  select listed.*, (
    select jsonb_agg(jsonb_build_object('product_id', product_id, 'requested', quantity, 'available', available)
      order by product_id)
    from line where available < quantity
  ) as short
  from (select) as always left join (
    select ${COLUMNS}, true as is_new from inserted
    union all
    select ${COLUMNS}, false from known
  ) as listed on true`;
}

/** Stores that an order is rejected, with its event; undefined when the order was decided before. */
export async function insertRejection(
  queryable: Queryable,
  { orderId, reservationId, lines, synthetic, time }: ReservationDraft,
  shortages: readonly Shortage[],
  event: OutgoingEvent,
): Promise<Reservation | undefined> {
  return firstReservation(
    await queryable.query<ReservationRow>(
      sql`with rejected as (
          insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
          values (${orderId}, ${reservationId}::uuid, 'REJECTED', ${encodeLines(lines)}::jsonb,
            ${encodeShortages(shortages)}::jsonb, ${synthetic}, ${time}, ${time})
          on conflict (order_id) do nothing
          returning ${COLUMNS}
        ), events as (
          ${insertEvents([event], sql`rejected`)}
        )
        select * from rejected`,
    ),
  );
}

/** Stores that an order without a reservation can never reserve; undefined when the order was decided before. */
export async function insertTombstone(
  queryable: Queryable,
  { orderId, reservationId, time }: Pick<ReservationDraft, 'orderId' | 'reservationId' | 'time'>,
): Promise<Reservation | undefined> {
  return firstReservation(
    await queryable.query<ReservationRow>(
      sql`insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
        values (${orderId}, ${reservationId}::uuid, 'RELEASED', '[]', '[]', false, ${time}, ${time})
        on conflict (order_id) do nothing
        returning ${COLUMNS}`,
    ),
  );
}

// The units of a synthetic order return to stock at once: they are not delivered to anyone.
const CONFIRM = {
  state: 'CONFIRMED',
  stock:
    'on_hand = product.on_hand - moved.sold, reserved = product.reserved - moved.quantity, sold = product.sold + moved.sold',
} as const;
const RELEASE = {
  state: 'RELEASED',
  stock: 'reserved = product.reserved - moved.quantity',
} as const;

/** Confirms the reserved stock of each order, in one statement; undefined for an order that has none. No two keys are of one order. */
export async function confirmReserved(
  queryable: Queryable,
  keys: readonly ReservedKey[],
): Promise<(Reservation | undefined)[]> {
  const rows = await queryable.query<ReservationRow>(settleSql(CONFIRM, keys, []));
  const confirmed = new Map(rows.map((row) => [row.order_id, toReservation(row)]));
  return keys.map(({ orderId }) => confirmed.get(orderId));
}

/** Releases the reserved stock of an order, with the event; undefined when it has none. */
export async function releaseReserved(
  queryable: Queryable,
  key: ReservedKey,
  event: OutgoingEvent,
): Promise<Reservation | undefined> {
  return firstReservation(await queryable.query<ReservationRow>(settleSql(RELEASE, [key], [event])));
}

/** Turns a rejection into a release, which moves no stock; undefined when the order is not rejected. */
export async function releaseRejected(
  queryable: Queryable,
  orderId: string,
  time: Date,
): Promise<Reservation | undefined> {
  return firstReservation(
    await queryable.query<ReservationRow>(
      sql`update reservation set state = 'RELEASED', version = version + 1, update_time = ${time}
        where order_id = ${orderId} and state = 'REJECTED' returning ${COLUMNS}`,
    ),
  );
}

/** Reads the current reservation of an order. */
export async function findReservation(queryable: Queryable, orderId: string): Promise<Reservation | undefined> {
  return firstReservation(
    await queryable.query<ReservationRow>(sql`select ${COLUMNS} from reservation where order_id = ${orderId}`),
  );
}

// Counting the locks takes all product locks before the lock of the reservation's own row. After the wait for that row its newest
// state decides, not the snapshot's.
function settleSql(
  { state, stock }: { readonly state: ReservationState; readonly stock: string },
  keys: readonly ReservedKey[],
  events: readonly OutgoingEvent[],
): Sql {
  const storedEvents = events.length === 0 ? sql`` : sql`, events as (${insertEvents(events, sql`settled`)})`;
  return sql`
  with asked as (
    select * from unnest(
      ${keys.map(({ orderId }) => orderId)}::text[], ${keys.map(({ reservationId }) => reservationId)}::text[],
      ${keys.map(({ time }) => time)}::timestamptz[]
    ) as asked (order_id, reservation_id, time)
  ), target as materialized (
    select reservation.order_id, reservation.lines, asked.time from reservation join asked on asked.order_id = reservation.order_id
    where reservation.state = 'RESERVED' and asked.reservation_id in ('', reservation.reservation_id::text)
  ), line as materialized (
    select target.order_id, line.product_id, line.quantity
    from target, jsonb_to_recordset(target.lines) as line (product_id text, quantity int)
  ), locked as materialized (
    select product_id from product where product_id = any (array(select product_id from line))
    order by product_id for update
  ), settled as (
    update reservation set state = '${rawSql(state)}', version = version + 1, update_time = target.time
    from target, (select count(*) from locked) as locks
    where reservation.order_id = target.order_id and reservation.state = 'RESERVED'
    returning ${QUALIFIED_COLUMNS}
  ), moved as materialized (
    select line.product_id, sum(line.quantity) as quantity, max(settled.update_time) as update_time,
      coalesce(sum(line.quantity) filter (where not settled.synthetic), 0) as sold
    from line join settled on settled.order_id = line.order_id group by line.product_id
  ), stock as (
    update product set ${rawSql(stock)}, update_time = moved.update_time
    from moved where product.product_id = moved.product_id
  )${storedEvents}
  select * from settled`;
}

/** The rule by which synthetic reservations are deleted. Released ones are kept: they are the tombstones that refuse a late ReserveStock. */
export function createReservationPruneRule(syntheticRetentionMs: number): PruneRule {
  return {
    table: 'reservation',
    time: 'disposable_since',
    windowMs: syntheticRetentionMs,
  };
}

function firstReservation([row]: readonly ReservationRow[]): Reservation | undefined {
  return row === undefined ? undefined : toReservation(row);
}

function toReservation(row: ReservationRow): Reservation {
  return {
    orderId: row.order_id,
    reservationId: row.reservation_id,
    state: row.state,
    lines: row.lines.map(({ product_id, quantity }) => ({ productId: product_id, quantity })),
    shortages: row.shortages.map(toShortage),
    version: row.version,
    synthetic: row.synthetic,
    updateTime: row.update_time,
  };
}

function toShortage({ product_id, requested, available }: ShortageJson): Shortage {
  return { productId: product_id, requested, available };
}

function encodeLines(lines: readonly StockLine[]): string {
  return JSON.stringify(lines.map(({ productId, quantity }) => ({ product_id: productId, quantity })));
}

function encodeShortages(shortages: readonly Shortage[]): string {
  return JSON.stringify(
    shortages.map(({ productId, requested, available }) => ({ product_id: productId, requested, available })),
  );
}
