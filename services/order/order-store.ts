// All SQL about orders. Each change is one statement that compares the version and stores the order's events.
import type { Money } from '../platform/base/money.ts';
import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertKeyedEvents, type KeyedEvent } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import { createBatcher } from '../platform/storage/batcher.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { PruneRule } from '../platform/storage/pruner.ts';
import { joinSql, milliseconds, rawSql, sql } from '../platform/storage/sql.ts';
import { isLimited, isOpen, type Order, type OrderStatus, type TimelineEntry } from './order.ts';

const MAX_RESUME_MS = 60_000;
const UNLIMITED = 2_000_000_000;
// How long an idempotency key is kept: 30 days.
const KEY_WINDOW_MS = 30 * 24 * 60 * 60 * 1_000;

/** The idempotency key of an order, in the scope of its caller, and a digest of the request. */
export type OrderKey = { readonly idempotencyKey: string; readonly placedBy: string; readonly requestHash: string };

/** An order found by its idempotency key. */
export type KeyedOrder = { readonly order: Order; readonly requestHash: string };

/** An order, and the version of it that is known. */
export type KnownOrder = { readonly orderId: string; readonly version: number };

export type OrderFilter = {
  /** Empty for every customer. */
  readonly customerId: string;
  readonly status: OrderStatus | undefined;
  /** Leaves out what guests placed. Default false. */
  readonly excludeGuests?: boolean;
};

/** When the background works on an open order next: after `afterMs` milliseconds, a minute at most, as attempt `attempts`. */
export type Resume = { readonly afterMs: number; readonly attempts: number };

/** An order leased for work, with the number of attempts so far and the trace of the call that placed it. */
export type ClaimedOrder = { readonly order: Order; readonly attempts: number; readonly traceparent: string };

export type OrderStore = {
  /**
   * Stores a new order under its key, leased to this replica. Returns false when the key is taken or the customer has as many pending orders as it may;
   * nothing is stored then.
   */
  insert(order: Order, key: OrderKey, events: readonly OutgoingEvent[]): Promise<boolean>;
  findByKey(key: Pick<OrderKey, 'idempotencyKey' | 'placedBy'>): Promise<KeyedOrder | undefined>;
  find(orderId: string): Promise<Order | undefined>;
  /** Finds those orders that have changed since the version known of each; 0 is older than any. */
  findNewer(known: readonly KnownOrder[]): Promise<Order[]>;
  /** Lists newest first, one row more than the page holds. */
  list(filter: OrderFilter, page: Page): Promise<Order[]>;
  /**
   * Stores the next state of an order that was read at `previousVersion`, with its events. Returns the order as stored, or
   * undefined when a concurrent update came first; nothing is stored then.
   * @param resume Ends the lease; without it, the order is leased to the caller.
   */
  save(
    order: Order,
    previousVersion: number,
    events: readonly OutgoingEvent[],
    resume?: Resume,
  ): Promise<Order | undefined>;
  /** Leases due orders, at most `limit`, the longest due first. */
  claim(limit: number): Promise<ClaimedOrder[]>;
  /** Counts orders on which work is left. */
  countOpen(): Promise<OpenOrders>;
};

/** Counts of orders on which work is left. */
export type OpenOrders = {
  /** Orders without a final status. */
  readonly pending: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly oldestPendingMs: number;
  /** Failed, cancelled and refunded orders that still owe compensation. */
  readonly compensations: number;
};

type OrderRow = {
  order_id: string;
  customer_id: string;
  placed_by: string;
  items: { product_id: string; quantity: number; unit_price_minor: string }[];
  payment_method: string;
  currency_code: string;
  total_minor: string;
  pricing_version: string;
  status: OrderStatus;
  reason: Order['reason'] | null;
  verdict: Order['verdict'] | null;
  release_owed: boolean;
  refund_owed: boolean;
  reservation_id: string;
  transaction_id: string;
  synthetic: boolean;
  timeline: (Omit<TimelineEntry, 'time'> & { time: string })[];
  version: number;
  create_time: Date;
  update_time: Date;
  attempts: number;
  traceparent: string;
};

// Named, never `*`: a prepared `select *` fails once a migration adds a column. Qualified, because joins have columns of the same names.
const COLUMNS = rawSql(
  `order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status, reason, verdict, release_owed,
  refund_owed, reservation_id, transaction_id, synthetic, timeline, version, create_time, update_time, attempts, traceparent,
  placed_by`.replaceAll(/\w+/g, 'orders.$&'),
);

/**
 * Creates the store.
 * @param leaseMs How long a lease lasts by the database's clock; longer than any run of the saga.
 * @param maxPending How many pending orders a customer may have; operators and the monitor are not limited.
 */
export function createOrderStore(database: Database, leaseMs: number, maxPending = UNLIMITED): OrderStore {
  const insert = createBatcher<NewRow, boolean>({
    run: (rows) => insertOrders(database, { leaseMs, maxPending }, rows),
    keyOf: ({ key }) => `${key.idempotencyKey} ${key.placedBy}`,
  });
  const save = createBatcher<Change, Order | undefined>({
    run: (changes) => saveOrders(database, leaseMs, changes),
    keyOf: ({ order }) => order.orderId,
  });
  return {
    insert: (order, key, events) => insert({ order, key, events, traceparent: injectTrace().traceparent ?? '' }),

    findByKey: async ({ idempotencyKey, placedBy }) => {
      const [row] = await database.query<OrderRow & { request_hash: string }>(
        sql`select ${COLUMNS}, request_hash from order_key join orders using (order_id)
         where idempotency_key = ${idempotencyKey} and order_key.placed_by = ${placedBy}`,
      );
      return row && { order: toOrder(row), requestHash: row.request_hash };
    },

    find: (orderId) => findOrder(database, orderId),

    findNewer: async (known) => {
      const rows = await database.query<OrderRow>(
        sql`select ${COLUMNS} from unnest(
             ${known.map(({ orderId }) => orderId)}::text[], ${known.map(({ version }) => version)}::int[]
           ) as known (order_id, version) join orders on orders.order_id = known.order_id
         where orders.version > known.version`,
      );
      return rows.map(toOrder);
    },

    list: (filter, page) => listOrders(database, filter, page),

    save: (order, previousVersion, events, resume) => save({ order, previousVersion, events, resume }),

    claim: (limit) => claimOrders(database, leaseMs, limit),

    countOpen: async () => {
      const [row] = await database.query<{ pending: number; oldest_pending_ms: number; compensations: number }>(
        sql`select count(*) filter (where status = 'PENDING')::int as pending,
           coalesce(extract(epoch from now() - min(create_time) filter (where status = 'PENDING')) * 1000, 0)::float8
             as oldest_pending_ms,
           count(*) filter (where status <> 'PENDING')::int as compensations
         from orders where resume_time is not null`,
      );
      return {
        pending: row?.pending ?? 0,
        oldestPendingMs: row?.oldest_pending_ms ?? 0,
        compensations: row?.compensations ?? 0,
      };
    },
  };
}

/**
 * The rules by which keys and synthetic orders are deleted. A key goes before its order: a duplicate that finds a key without an order
 * could not be answered.
 */
export function createOrderPruneRules(syntheticRetentionMs: number): PruneRule[] {
  const ended = 'orders.synthetic and orders.resume_time is null';
  const ofOrder = 'order_key.synthetic and order_key.order_id = orders.order_id';
  return [
    { table: 'order_key', time: 'create_time', windowMs: KEY_WINDOW_MS },
    {
      table: 'order_key',
      time: 'create_time',
      windowMs: syntheticRetentionMs,
      where: `order_key.synthetic and exists (select from orders where ${ofOrder} and ${ended})`,
    },
    {
      table: 'orders',
      time: 'update_time',
      windowMs: syntheticRetentionMs,
      where: `${ended} and not exists (select from order_key where ${ofOrder})`,
    },
  ];
}

async function claimOrders(database: Database, leaseMs: number, limit: number): Promise<ClaimedOrder[]> {
  const isDue = rawSql(isDueSql('resume_time', MAX_RESUME_MS));
  const isLeaseOver = rawSql(isDueSql('lease_until', Math.max(leaseMs, MAX_RESUME_MS)));
  const rows = await database.query<OrderRow>(
    sql`update orders set lease_until = now() + ${milliseconds(leaseMs)}, resume_time = now()
     where order_id = any (array (
       select order_id from orders where ${isDue} and ${isLeaseOver} order by resume_time limit ${limit} for update skip locked
     )) returning ${COLUMNS}`,
  );
  return rows.map((row) => ({ order: toOrder(row), attempts: row.attempts, traceparent: row.traceparent }));
}

// The statement contains only the filters in use: the plan for `$1 = '' or customer_id = $1` would read every customer's orders. It also
// contains the status: a plan for any status would read the orders of all of them to find those of a rare one.
async function listOrders(
  database: Database,
  { customerId, status, excludeGuests = false }: OrderFilter,
  page: Page,
): Promise<Order[]> {
  const conditions = [sql`true`];
  if (customerId !== '') conditions.push(sql`customer_id = ${customerId}`);
  if (status !== undefined) conditions.push(sql`status = '${rawSql(status)}'`);
  if (excludeGuests) conditions.push(sql`placed_by <> 'guest'`);
  if (page.after !== undefined) {
    const [createTime, orderId] = page.after;
    conditions.push(sql`(create_time, order_id) < (${createTime}::timestamptz, ${orderId}::text)`);
  }
  const rows = await database.query<OrderRow>(
    sql`select ${COLUMNS} from orders where ${joinSql(conditions, ' and ')}
     order by create_time desc, order_id desc limit ${page.size + 1}`,
  );
  return rows.map(toOrder);
}

type NewRow = {
  readonly order: Order;
  readonly key: OrderKey;
  readonly events: readonly OutgoingEvent[];
  readonly traceparent: string;
};

// Sorted by key: two replicas that insert the same keys wait for each other in one order, so they cannot deadlock.
// A customer's rows of one statement count as well, in the order of their keys, but not a duplicate, which stores nothing.
async function insertOrders(
  database: Database,
  { leaseMs, maxPending }: { readonly leaseMs: number; readonly maxPending: number },
  rows: readonly NewRow[],
): Promise<boolean[]> {
  const orders = rows.map(({ order }) => order);
  const inserted = await database.query<{ order_id: string }>(
    sql`with new as (
       select * from unnest(
         ${rows.map(({ key }) => key.idempotencyKey)}::text[], ${rows.map(({ key }) => key.requestHash)}::text[],
         ${orders.map(({ orderId }) => orderId)}::text[], ${orders.map(({ customerId }) => customerId)}::text[],
         ${orders.map(itemsToJson)}::jsonb[], ${orders.map(({ paymentMethod }) => paymentMethod)}::text[],
         ${orders.map(({ total }) => total.currencyCode)}::text[], ${orders.map(({ total }) => total.minorUnits)}::bigint[],
         ${orders.map(({ pricingVersion }) => pricingVersion)}::text[], ${orders.map(({ status }) => status)}::text[],
         ${orders.map(({ synthetic }) => synthetic)}::boolean[],
         ${orders.map(({ timeline }) => JSON.stringify(timeline))}::jsonb[], ${orders.map(({ version }) => version)}::int[],
         ${orders.map(({ createTime }) => createTime)}::timestamptz[],
         ${orders.map(({ updateTime }) => updateTime)}::timestamptz[],
         ${rows.map(({ traceparent }) => traceparent)}::text[], ${orders.map(({ placedBy }) => placedBy)}::text[],
         ${orders.map(({ placedBy }) => isLimited(placedBy))}::boolean[]
       ) as new (idempotency_key, request_hash, order_id, customer_id, items, payment_method, currency_code, total_minor,
         pricing_version, status, synthetic, timeline, version, create_time, update_time, traceparent, placed_by, is_limited)
     ), counted as (
       select new.*, row_number() over (partition by customer_id order by idempotency_key) + (
         select count(*) from (
           select from orders where orders.customer_id = new.customer_id and status = 'PENDING' limit ${maxPending}
         ) as pending
       ) as pending from new where not exists (
         select from order_key as known where known.idempotency_key = new.idempotency_key and known.placed_by = new.placed_by
       )
     ), key as (
       insert into order_key (idempotency_key, placed_by, request_hash, order_id, synthetic)
       select idempotency_key, placed_by, request_hash, order_id, synthetic from counted
       where not is_limited or pending <= ${maxPending} order by idempotency_key, placed_by
       on conflict do nothing returning order_id
     ), created as (
       insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
         synthetic, timeline, version, create_time, update_time, resume_time, lease_until, traceparent, placed_by)
       select new.order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
         synthetic, timeline, version, create_time, update_time, now(), now() + ${milliseconds(leaseMs)}, traceparent, placed_by
       from new join key on key.order_id = new.order_id returning order_id
     ), sent as (${insertKeyedEvents(rows.flatMap(toKeyedEvents), sql`select order_id from created`)})
     select order_id from created`,
  );
  const created = new Set(inserted.map((row) => row.order_id));
  return orders.map(({ orderId }) => created.has(orderId));
}

type Change = {
  readonly order: Order;
  readonly previousVersion: number;
  readonly events: readonly OutgoingEvent[];
  readonly resume: Resume | undefined;
};

// Locks the rows in the order of their ids, so that two of these statements cannot deadlock. After the wait for a row, its newest
// version decides, not the snapshot's.
async function saveOrders(
  database: Database,
  leaseMs: number,
  changes: readonly Change[],
): Promise<(Order | undefined)[]> {
  const orders = changes.map(({ order }) => order);
  const rows = await database.query<{ order_id: string }>(
    sql`with change as (
       select * from unnest(
         ${orders.map(({ orderId }) => orderId)}::text[],
         ${changes.map(({ previousVersion }) => previousVersion)}::int[], ${orders.map(({ status }) => status)}::text[],
         ${orders.map(({ reason }) => reason ?? null)}::text[], ${orders.map(({ verdict }) => verdict ?? null)}::text[],
         ${orders.map(({ owed }) => owed.release)}::boolean[], ${orders.map(({ owed }) => owed.refund)}::boolean[],
         ${orders.map(({ reservationId }) => reservationId)}::text[],
         ${orders.map(({ transactionId }) => transactionId)}::text[],
         ${orders.map(({ timeline }) => JSON.stringify(timeline))}::jsonb[],
         ${orders.map(({ updateTime }) => updateTime)}::timestamptz[], ${orders.map(isOpen)}::boolean[],
         ${changes.map(({ resume }) => Math.min(resume?.afterMs ?? 0, MAX_RESUME_MS))}::float8[],
         ${changes.map(({ resume }) => resume !== undefined)}::boolean[],
         ${changes.map(({ resume }) => resume?.attempts ?? 0)}::int[],
         ${orders.map(({ paymentMethod }) => paymentMethod)}::text[]
       ) as change (order_id, previous_version, status, reason, verdict, release_owed, refund_owed, reservation_id,
         transaction_id, timeline, update_time, is_open, resume_after_ms, ends_lease, attempts, payment_method)
     ), locked as materialized (
       select order_id from orders where order_id in (select order_id from change) order by order_id for update
     ), saved as (
       update orders set status = change.status, reason = change.reason, verdict = change.verdict,
         release_owed = change.release_owed, refund_owed = change.refund_owed, reservation_id = change.reservation_id,
         transaction_id = change.transaction_id, timeline = change.timeline, version = change.previous_version + 1,
         update_time = change.update_time,
         resume_time = case when change.is_open then now() + change.resume_after_ms * interval '1 millisecond' end,
         lease_until = case when change.ends_lease then now()
           else greatest(orders.lease_until, now() + ${milliseconds(leaseMs)}) end,
         attempts = change.attempts, payment_method = change.payment_method
       from change join locked on locked.order_id = change.order_id
       where orders.order_id = change.order_id and orders.version = change.previous_version returning orders.order_id
     ), sent as (${insertKeyedEvents(changes.flatMap(toKeyedEvents), sql`select order_id from saved`)})
     select order_id from saved`,
  );
  const saved = new Set(rows.map((row) => row.order_id));
  return changes.map(({ order, previousVersion }) =>
    saved.has(order.orderId) ? { ...order, version: previousVersion + 1 } : undefined,
  );
}

function toKeyedEvents({ order, events }: Pick<Change, 'order' | 'events'>): KeyedEvent[] {
  return events.map((event) => ({ key: order.orderId, event }));
}

async function findOrder(queryable: Queryable, orderId: string): Promise<Order | undefined> {
  const [row] = await queryable.query<OrderRow>(sql`select ${COLUMNS} from orders where order_id = ${orderId}`);
  return row && toOrder(row);
}

/**
 * Makes blocked orders due at once, each after its lease if it has one. An order that is due or has ended stays as it is. Returns
 * whether one was blocked. Locks in the order of the ids, so that two of these statements cannot deadlock.
 */
export async function resumeNow(queryable: Queryable, orderIds: readonly string[]): Promise<boolean> {
  const rows = await queryable.query(
    sql`update orders set resume_time = now() where order_id in (
       select order_id from orders where order_id = any (${orderIds}::text[]) and resume_time > now() order by order_id for update
     ) returning order_id`,
  );
  return rows.length > 0;
}

function itemsToJson(order: Order): string {
  return JSON.stringify(
    order.items.map(({ productId, quantity, unitPrice }) => ({
      product_id: productId,
      quantity,
      unit_price_minor: unitPrice.minorUnits.toString(),
    })),
  );
}

function toOrder(row: OrderRow): Order {
  const money = (minorUnits: string): Money => ({ currencyCode: row.currency_code, minorUnits: BigInt(minorUnits) });
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    placedBy: row.placed_by,
    items: row.items.map((item) => ({
      productId: item.product_id,
      quantity: item.quantity,
      unitPrice: money(item.unit_price_minor),
    })),
    paymentMethod: row.payment_method,
    total: money(row.total_minor),
    pricingVersion: row.pricing_version,
    status: row.status,
    reason: row.reason ?? undefined,
    verdict: row.verdict ?? undefined,
    owed: { release: row.release_owed, refund: row.refund_owed },
    reservationId: row.reservation_id,
    transactionId: row.transaction_id,
    synthetic: row.synthetic,
    timeline: row.timeline.map((entry) => ({ ...entry, time: new Date(entry.time) })),
    version: row.version,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
