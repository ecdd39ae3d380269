// All SQL about orders. Every change is one statement that checks the version it was made from and stores its events with it.

import type { Money } from '../platform/base/money.ts';
import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertOutboxSql, outboxValues } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import { isOpen, type Order, type OrderStatus, type TimelineEntry } from './order.ts';

const MAX_WAIT_MS = 60_000;

/** What a client asked for an order with: its key, and a digest of the content. */
export type OrderKey = { readonly idempotencyKey: string; readonly requestHash: string };

/** An order found by the key it was asked for with. */
export type KeyedOrder = { readonly order: Order; readonly requestHash: string };

export type OrderFilter = { readonly customerId: string; readonly status: OrderStatus | undefined };

/** When an order that stays open may be worked on next: after `afterMs`, a minute at most, at the `attempts`-th repeat. */
export type Resume = { readonly afterMs: number; readonly attempts: number };

/** An order to work on: how often it was tried before, and the trace of the call that placed it. */
export type ClaimedOrder = { readonly order: Order; readonly attempts: number; readonly traceparent: string };

export type OrderStore = {
  /** Stores a new order under its key, leased for `leaseMs`. Returns false, having stored nothing, when the key is taken. */
  insert(
    order: Order,
    key: { idempotencyKey: string; requestHash: string },
    events: readonly OutgoingEvent[],
  ): Promise<boolean>;
  findByKey(idempotencyKey: string): Promise<KeyedOrder | undefined>;
  find(orderId: string): Promise<Order | undefined>;
  /** One row more than the page holds, newest first. */
  list(filter: OrderFilter, page: Page): Promise<Order[]>;
  /**
   * Stores the next state of an order that was read at `previousVersion`, with its events. Returns the order as stored, or
   * undefined, having stored nothing, when somebody changed it meanwhile. `resume` ends the lease; without it the order is leased
   * to whoever made the change.
   */
  save(
    order: Order,
    previousVersion: number,
    events: readonly OutgoingEvent[],
    resume?: Resume,
  ): Promise<Order | undefined>;
  /** Leases open orders that wait for work, at most `limit`, the longest waiting first. */
  claim(limit: number): Promise<ClaimedOrder[]>;
  /** Counts what is not at its end. */
  countOpen(): Promise<OpenOrders>;
};

/** What is not at its end. */
export type OpenOrders = {
  /** Orders without an end state. */
  readonly pending: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly oldestPendingMs: number;
  /** Decided orders that are not yet given back in full. */
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

/** Makes the store. A lease lasts `leaseMs` milliseconds by the database's clock: longer than any run of the saga. */
export function createOrderStore(database: Database, leaseMs: number): OrderStore {
  return {
    insert: (order, key, events) => insertOrder(database, leaseMs, order, key, events),

    findByKey: async (idempotencyKey) => {
      const [row] = await database.query<OrderRow & { request_hash: string }>(
        'select orders.*, request_hash from order_key join orders using (order_id) where idempotency_key = $1',
        [idempotencyKey],
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
        `select count(*) filter (where status = 'PENDING')::int as pending,
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
  const rows = await database.query<OrderRow>(
    `update orders set lease_until = now() + ${milliseconds(2)}, resume_time = now()
     where order_id in (
       select order_id from orders
       where ${isDueSql('resume_time', MAX_WAIT_MS)} and ${isDueSql('lease_until', Math.max(leaseMs, MAX_WAIT_MS))}
       order by resume_time limit $1 for update skip locked
     ) returning *`,
    [limit, leaseMs],
  );
  return rows.map((row) => ({ order: toOrder(row), attempts: row.attempts, traceparent: row.traceparent }));
}

// Only what is asked for stands in the statement: a plan made for `$1 = '' or customer_id = $1` reads everybody's orders.
async function listOrders(database: Database, { customerId, status }: OrderFilter, page: Page): Promise<Order[]> {
  const values: unknown[] = [page.size + 1];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const conditions = ['true'];
  if (customerId !== '') conditions.push(`customer_id = ${parameter(customerId)}`);
  if (status !== undefined) conditions.push(`status = ${parameter(status)}`);
  if (page.after !== undefined) {
    const [createTime, orderId] = page.after;
    conditions.push(`(create_time, order_id) < (${parameter(createTime)}::timestamptz, ${parameter(orderId)}::text)`);
  }
  const rows = await database.query<OrderRow>(
    `select * from orders where ${conditions.join(' and ')} order by create_time desc, order_id desc limit $1`,
    values,
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
  const rows = await database.query(
    `with key as (
       insert into order_key (idempotency_key, request_hash, order_id) values ($1, $2, $3)
       on conflict do nothing returning order_id
     ), created as (
       insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status,
         synthetic, timeline, version, create_time, update_time, resume_time, lease_until, traceparent)
       select order_id, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14, $15, now(), now() + ${milliseconds(16)}, $17
       from key returning order_id
     ), sent as (${insertOutboxSql(18, 'created')})
     select order_id from created`,
    [
      key.idempotencyKey,
      key.requestHash,
      order.orderId,
      order.customerId,
      itemsToJson(order),
      order.paymentMethod,
      order.total.currencyCode,
      order.total.minorUnits,
      order.pricingVersion,
      order.status,
      order.synthetic,
      JSON.stringify(order.timeline),
      order.version,
      order.createTime,
      order.updateTime,
      leaseMs,
      injectTrace().traceparent ?? '',
      ...outboxValues(events),
    ],
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
  const rows = await database.query(
    `with saved as (
       update orders set status = $3, reason = $4, verdict = $5, release_owed = $6, refund_owed = $7, reservation_id = $8,
         transaction_id = $9, timeline = $10::jsonb, version = $11, update_time = $12,
         resume_time = case when $13::boolean then now() + ${milliseconds(14)} end,
         lease_until = case when $15::boolean then now() else greatest(lease_until, now() + ${milliseconds(17)}) end,
         attempts = $16, payment_method = $18
       where order_id = $1 and version = $2 returning order_id
     ), sent as (${insertOutboxSql(19, 'saved')})
     select order_id from saved`,
    [
      order.orderId,
      previousVersion,
      order.status,
      order.reason ?? null,
      order.verdict ?? null,
      order.owed.release,
      order.owed.refund,
      order.reservationId,
      order.transactionId,
      JSON.stringify(order.timeline),
      version,
      order.updateTime,
      isOpen(order),
      Math.min(resume?.afterMs ?? 0, MAX_WAIT_MS),
      resume !== undefined,
      resume?.attempts ?? 0,
      leaseMs,
      order.paymentMethod,
      ...outboxValues(events),
    ],
  );
  return rows.length > 0 ? { ...order, version } : undefined;
}

async function findOrder(queryable: Queryable, orderId: string): Promise<Order | undefined> {
  const [row] = await queryable.query<OrderRow>('select * from orders where order_id = $1', [orderId]);
  return row && toOrder(row);
}

/** Lets a waiting order be worked on at once; one that is worked on, or has ended, is left alone. */
export async function resumeNow(queryable: Queryable, orderId: string): Promise<void> {
  await queryable.query(
    'update orders set resume_time = now() where order_id = $1 and resume_time > now() and lease_until <= now()',
    [orderId],
  );
}

function milliseconds(parameter: number): string {
  return `$${parameter}::float8 * interval '1 millisecond'`;
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
