// All SQL about orders. Each change is one statement that compares the version and stores the order's events.
import type { Money } from '../platform/base/money.ts';
import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertEvents } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import { joinSql, milliseconds, rawSql, sql } from '../platform/storage/sql.ts';
import { isOpen, type Order, type OrderStatus, type TimelineEntry } from './order.ts';

const MAX_RESUME_MS = 60_000;

/** The idempotency key of an order, and a digest of the request. */
export type OrderKey = { readonly idempotencyKey: string; readonly requestHash: string };

/** An order found by its idempotency key. */
export type KeyedOrder = { readonly order: Order; readonly requestHash: string };

export type OrderFilter = { readonly customerId: string; readonly status: OrderStatus | undefined };

/** When the background works on an open order next: after `afterMs` milliseconds, a minute at most, as attempt `attempts`. */
export type Resume = { readonly afterMs: number; readonly attempts: number };

/** An order leased for work, with the number of attempts so far and the trace of the call that placed it. */
export type ClaimedOrder = { readonly order: Order; readonly attempts: number; readonly traceparent: string };

export type OrderStore = {
  /** Stores a new order under its key, leased to the caller. Returns false when the key is taken; nothing is stored then. */
  insert(order: Order, key: OrderKey, events: readonly OutgoingEvent[]): Promise<boolean>;
  findByKey(idempotencyKey: string): Promise<KeyedOrder | undefined>;
  find(orderId: string): Promise<Order | undefined>;
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
  /** Failed and cancelled orders that still owe compensation. */
  readonly compensations: number;
};

type OrderRow = {
  order_id: string;
  customer_id: string;
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

/**
 * Creates the store.
 * @param leaseMs How long a lease lasts by the database's clock; longer than any run of the saga.
 */
export function createOrderStore(database: Database, leaseMs: number): OrderStore {
  return {
    insert: (order, key, events) => insertOrder(database, leaseMs, order, key, events),

    findByKey: async (idempotencyKey) => {
      const [row] = await database.query<OrderRow & { request_hash: string }>(
        sql`select orders.*, request_hash from order_key join orders using (order_id)
         where idempotency_key = ${idempotencyKey}`,
      );
      return row && { order: toOrder(row), requestHash: row.request_hash };
    },

    find: (orderId) => findOrder(database, orderId),

    list: (filter, page) => listOrders(database, filter, page),

    save: (order, previousVersion, events, resume) =>
      saveOrder(database, leaseMs, { order, previousVersion, events, resume }),

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

async function claimOrders(database: Database, leaseMs: number, limit: number): Promise<ClaimedOrder[]> {
  const isDue = rawSql(isDueSql('resume_time', MAX_RESUME_MS));
  const isLeaseOver = rawSql(isDueSql('lease_until', Math.max(leaseMs, MAX_RESUME_MS)));
  const rows = await database.query<OrderRow>(
    sql`update orders set lease_until = now() + ${milliseconds(leaseMs)}, resume_time = now()
     where order_id in (
       select order_id from orders where ${isDue} and ${isLeaseOver} order by resume_time limit ${limit} for update skip locked
     ) returning *`,
  );
  return rows.map((row) => ({ order: toOrder(row), attempts: row.attempts, traceparent: row.traceparent }));
}

// The statement contains only the filters in use: the plan for `$1 = '' or customer_id = $1` would read every customer's orders.
async function listOrders(database: Database, { customerId, status }: OrderFilter, page: Page): Promise<Order[]> {
  const conditions = [sql`true`];
  if (customerId !== '') conditions.push(sql`customer_id = ${customerId}`);
  if (status !== undefined) conditions.push(sql`status = ${status}`);
  if (page.after !== undefined) {
    const [createTime, orderId] = page.after;
    conditions.push(sql`(create_time, order_id) < (${createTime}::timestamptz, ${orderId}::text)`);
  }
  const rows = await database.query<OrderRow>(
    sql`select * from orders where ${joinSql(conditions, ' and ')}
     order by create_time desc, order_id desc limit ${page.size + 1}`,
  );
  return rows.map(toOrder);
}

async function insertOrder(
  database: Database,
  leaseMs: number,
  order: Order,
  key: OrderKey,
  events: readonly OutgoingEvent[],
): Promise<boolean> {
  const { total } = order;
  const rows = await database.query(
    sql`with key as (
       insert into order_key (idempotency_key, request_hash, order_id)
       values (${key.idempotencyKey}, ${key.requestHash}, ${order.orderId})
       on conflict do nothing returning order_id
     ), created as (
       insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
         synthetic, timeline, version, create_time, update_time, resume_time, lease_until, traceparent)
       select order_id, ${order.customerId}, ${itemsToJson(order)}::jsonb, ${order.paymentMethod}, ${total.currencyCode},
         ${total.minorUnits}, ${order.pricingVersion}, ${order.status}, ${order.synthetic},
         ${JSON.stringify(order.timeline)}::jsonb, ${order.version}, ${order.createTime}, ${order.updateTime}, now(),
         now() + ${milliseconds(leaseMs)}, ${injectTrace().traceparent ?? ''}
       from key returning order_id
     ), sent as (${insertEvents(events, rawSql('created'))})
     select order_id from created`,
  );
  return rows.length > 0;
}

type Change = {
  readonly order: Order;
  readonly previousVersion: number;
  readonly events: readonly OutgoingEvent[];
  readonly resume: Resume | undefined;
};

async function saveOrder(
  database: Database,
  leaseMs: number,
  { order, previousVersion, events, resume }: Change,
): Promise<Order | undefined> {
  const version = previousVersion + 1;
  const resumeAfter = milliseconds(Math.min(resume?.afterMs ?? 0, MAX_RESUME_MS));
  const rows = await database.query(
    sql`with saved as (
       update orders set status = ${order.status}, reason = ${order.reason ?? null}, verdict = ${order.verdict ?? null},
         release_owed = ${order.owed.release}, refund_owed = ${order.owed.refund}, reservation_id = ${order.reservationId},
         transaction_id = ${order.transactionId}, timeline = ${JSON.stringify(order.timeline)}::jsonb, version = ${version},
         update_time = ${order.updateTime},
         resume_time = case when ${isOpen(order)}::boolean then now() + ${resumeAfter} end,
         lease_until = case when ${resume !== undefined}::boolean then now()
           else greatest(lease_until, now() + ${milliseconds(leaseMs)}) end,
         attempts = ${resume?.attempts ?? 0}, payment_method = ${order.paymentMethod}
       where order_id = ${order.orderId} and version = ${previousVersion} returning order_id
     ), sent as (${insertEvents(events, rawSql('saved'))})
     select order_id from saved`,
  );
  return rows.length > 0 ? { ...order, version } : undefined;
}

async function findOrder(queryable: Queryable, orderId: string): Promise<Order | undefined> {
  const [row] = await queryable.query<OrderRow>(sql`select * from orders where order_id = ${orderId}`);
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
