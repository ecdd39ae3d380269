// The SQL of reservations. Each statement locks product rows first, by product_id, and only then touches the reservation's own
// row: with one order of locks for all, no two calls can wait for each other.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertOutboxSql, outboxValues } from '../platform/messaging/outbox.ts';
import type { Queryable } from '../platform/storage/database.ts';
import type { Reservation, ReservationState, Shortage, StockLine } from './reservation.ts';

/** A reservation to be made. */
export type ReservationDraft = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly lines: readonly StockLine[];
  readonly synthetic: boolean;
  readonly time: Date;
};

/** How an attempt to take stock ended. */
export type TakeResult =
  | { readonly kind: 'taken'; readonly reservation: Reservation }
  /** The order was decided before. */
  | { readonly kind: 'known'; readonly reservation: Reservation }
  | { readonly kind: 'short'; readonly shortages: readonly Shortage[] }
  /** Another call decided the order while this one waited; a statement's snapshot does not show it. */
  | { readonly kind: 'overtaken' };

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
type TakeRow = Omit<ReservationRow, 'order_id'> & {
  readonly order_id: string | null;
  readonly is_new: boolean;
  readonly short: readonly ShortageJson[] | null;
};

const COLUMNS = 'order_id, reservation_id, state, lines, shortages, version, synthetic, update_time';

// `for update` waits for whoever holds a product and then reads its newest numbers, whatever the statement's snapshot shows.
// A product that is not there has nothing available. The update writes what the lock read, on_hand included: Postgres checks
// constraints on the snapshot's version of a row first, which a release or delivery of meanwhile has made too small.
const TAKE_SQL = `
  with wanted as (
    select * from unnest($4::text[], $5::int[]) as line (product_id, quantity)
  ), locked as materialized (
    select product_id, on_hand, reserved from product
    where product_id = any ($4::text[]) and not exists (select from reservation where order_id = $1)
    order by product_id for update
  ), line as materialized (
    select wanted.product_id, wanted.quantity, on_hand, reserved, coalesce(on_hand - reserved, 0) as available
    from wanted left join locked on locked.product_id = wanted.product_id
  ), taken as (
    insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
    select $1, $2::uuid, 'RESERVED', $3::jsonb, '[]', $6::boolean, $7::timestamptz, $7::timestamptz
    where not exists (select from line where line.available < line.quantity)
    on conflict (order_id) do nothing
    returning ${COLUMNS}
  ), set_aside as (
    update product set on_hand = line.on_hand, reserved = line.reserved + line.quantity, update_time = taken.update_time
    from line, taken where product.product_id = line.product_id
  ), told as (
    ${insertOutboxSql(8, 'taken')}
  )
  select present.*, (
    select jsonb_agg(jsonb_build_object('product_id', product_id, 'requested', quantity, 'available', available)
      order by product_id)
    from line where available < quantity
  ) as short
  from (select) as always left join (
    select ${COLUMNS}, true as is_new from taken
    union all
    select ${COLUMNS}, false from reservation where order_id = $1
  ) as present on true`;

/** Reserves all lines or none, with its event, in one statement. `lines` hold each product once. */
export async function takeStock(
  queryable: Queryable,
  draft: ReservationDraft,
  event: OutgoingEvent,
): Promise<TakeResult> {
  const [row] = await queryable.query<TakeRow>(TAKE_SQL, [
    draft.orderId,
    draft.reservationId,
    encodeLines(draft.lines),
    draft.lines.map((line) => line.productId),
    draft.lines.map((line) => line.quantity),
    draft.synthetic,
    draft.time,
    ...outboxValues([event]),
  ]);
  if (row === undefined) throw new Error('a statement that always answers one row answered none');
  if (row.order_id !== null) {
    const reservation = toReservation({ ...row, order_id: row.order_id });
    return { kind: row.is_new ? 'taken' : 'known', reservation };
  }
  return row.short === null ? { kind: 'overtaken' } : { kind: 'short', shortages: row.short.map(toShortage) };
}

/** Stores that an order is rejected, with its event; undefined when the order was decided before. */
export async function insertRejection(
  queryable: Queryable,
  draft: ReservationDraft,
  shortages: readonly Shortage[],
  event: OutgoingEvent,
): Promise<Reservation | undefined> {
  const rows = await queryable.query<ReservationRow>(
    `with rejected as (
       insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
       values ($1, $2::uuid, 'REJECTED', $3::jsonb, $4::jsonb, $5, $6, $6)
       on conflict (order_id) do nothing
       returning ${COLUMNS}
     ), told as (
       ${insertOutboxSql(7, 'rejected')}
     )
     select * from rejected`,
    [
      draft.orderId,
      draft.reservationId,
      encodeLines(draft.lines),
      encodeShortages(shortages),
      draft.synthetic,
      draft.time,
      ...outboxValues([event]),
    ],
  );
  return firstReservation(rows);
}

/** Stores that an order nobody asked for yet can never be reserved; undefined when the order was decided before. */
export async function insertBar(
  queryable: Queryable,
  bar: Pick<ReservationDraft, 'orderId' | 'reservationId' | 'time'>,
): Promise<Reservation | undefined> {
  const rows = await queryable.query<ReservationRow>(
    `insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
     values ($1, $2::uuid, 'RELEASED', '[]', '[]', false, $3, $3)
     on conflict (order_id) do nothing
     returning ${COLUMNS}`,
    [bar.orderId, bar.reservationId, bar.time],
  );
  return firstReservation(rows);
}

// What a synthetic order buys is back in stock at once: nobody gets it.
const SOLD = 'case when settled.synthetic then 0 else line.quantity end';
const SELL_SQL = settleSql('CONFIRMED', {
  stock: `on_hand = product.on_hand - ${SOLD}, reserved = product.reserved - line.quantity, sold = product.sold + ${SOLD}`,
});
const GIVE_BACK_SQL = settleSql('RELEASED', {
  stock: 'reserved = product.reserved - line.quantity',
  told: insertOutboxSql(4, 'settled'),
});

/** Sells what is reserved for an order; undefined when nothing is. `reservationId` must be the reservation's, or empty. */
export async function sellReserved(
  queryable: Queryable,
  sale: { readonly orderId: string; readonly reservationId: string; readonly time: Date },
): Promise<Reservation | undefined> {
  const rows = await queryable.query<ReservationRow>(SELL_SQL, [sale.orderId, sale.reservationId, sale.time]);
  return firstReservation(rows);
}

/** Gives back what is reserved for an order, with its event; undefined when nothing is. */
export async function giveBackReserved(
  queryable: Queryable,
  release: { readonly orderId: string; readonly reservationId: string; readonly time: Date },
  event: OutgoingEvent,
): Promise<Reservation | undefined> {
  const values = [release.orderId, release.reservationId, release.time, ...outboxValues([event])];
  return firstReservation(await queryable.query<ReservationRow>(GIVE_BACK_SQL, values));
}

/** Turns a rejection into a release, which moves no stock; undefined when the order is not rejected. */
export async function closeRejected(
  queryable: Queryable,
  orderId: string,
  time: Date,
): Promise<Reservation | undefined> {
  const rows = await queryable.query<ReservationRow>(
    `update reservation set state = 'RELEASED', version = version + 1, update_time = $2
     where order_id = $1 and state = 'REJECTED' returning ${COLUMNS}`,
    [orderId, time],
  );
  return firstReservation(rows);
}

/** The reservation of an order as it stands. */
export async function findReservation(queryable: Queryable, orderId: string): Promise<Reservation | undefined> {
  return firstReservation(
    await queryable.query<ReservationRow>(`select ${COLUMNS} from reservation where order_id = $1`, [orderId]),
  );
}

// Counting the locks takes all of them before the reservation's own row is locked; what it waits for then is decided by the
// row's newest state, not by the snapshot's.
function settleSql(
  state: ReservationState,
  { stock, told }: { readonly stock: string; readonly told?: string },
): string {
  const columns = COLUMNS.replaceAll(/\w+/g, 'reservation.$&');
  return `
  with target as (
    select order_id, lines from reservation
    where order_id = $1 and state = 'RESERVED' and ($2::text = '' or reservation_id::text = $2::text)
  ), line as materialized (
    select line.product_id, line.quantity
    from target, jsonb_to_recordset(target.lines) as line (product_id text, quantity int)
  ), locked as materialized (
    select product_id from product where product_id = any (array(select product_id from line))
    order by product_id for update
  ), settled as (
    update reservation set state = '${state}', version = version + 1, update_time = $3::timestamptz
    from target, (select count(*) from locked) as locks
    where reservation.order_id = target.order_id and reservation.state = 'RESERVED'
    returning ${columns}
  ), moved as (
    update product set ${stock}, update_time = settled.update_time
    from line, settled where product.product_id = line.product_id
  )${told === undefined ? '' : `, told as (${told})`}
  select * from settled`;
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
