// The SQL of notifications. Every change is one statement; a sent mail is stored together with its event.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertKeyedEvents } from '../platform/messaging/outbox.ts';
import { createBatcher } from '../platform/storage/batcher.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { PruneRule } from '../platform/storage/pruner.ts';
import { joinSql, milliseconds, rawSql, sql } from '../platform/storage/sql.ts';
import type { Notification, NotificationStatus } from './notification.ts';

const MAX_DELAY_MS = 600_000;

/** A notification whose mail is due, the number of this attempt, and the trace it belongs to. */
export type DueNotification = {
  readonly notification: Notification;
  readonly attempt: number;
  readonly traceparent: string;
};

export type NotificationFilter = { readonly customerId: string; readonly orderId: string };

export type NewNotification = Pick<
  Notification,
  'notificationId' | 'orderId' | 'customerId' | 'items' | 'total' | 'synthetic'
> & {
  /** The trace of the event that caused it. */
  readonly traceparent: string;
};

export type NotificationStore = {
  /** Leases at most `limit` notifications whose mail is due, for `leaseMs`, the longest due first. */
  claimDue(limit: number, leaseMs: number): Promise<DueNotification[]>;
  /** Stores that the mail was sent, with its events. Returns false when that was stored before. */
  markSent(notificationId: string, sendTime: Date, events: readonly OutgoingEvent[]): Promise<boolean>;
  /**
   * Postpones a mail that was not sent by `delayMs`, at most ten minutes.
   * @param counted whether this was an attempt, which increases the next backoff.
   */
  postpone(notificationId: string, delayMs: number, error: string, counted: boolean): Promise<void>;
  /** Reads the page and one row more, newest first. */
  list(filter: NotificationFilter, page: Page): Promise<Notification[]>;
};

type NotificationRow = {
  notification_id: string;
  order_id: string;
  customer_id: string;
  type: Notification['type'];
  status: NotificationStatus;
  items: { product_id: string; quantity: number }[];
  currency_code: string;
  total_minor: string;
  synthetic: boolean;
  version: number;
  attempts: number;
  traceparent: string;
  create_time: Date;
  send_time: Date | null;
};

const COLUMNS =
  rawSql(`notification_id, order_id, customer_id, type, status, items, currency_code, total_minor, synthetic, version,
  attempts, traceparent, create_time, send_time`);

/**
 * Inserts the one notification of each order; of an order that has one, nothing. Those of synthetic orders are never sent. Returns
 * whether one is to be sent.
 */
export async function insertNotifications(
  queryable: Queryable,
  notifications: readonly NewNotification[],
): Promise<boolean> {
  const rows = await queryable.query<{ status: NotificationStatus }>(
    sql`insert into notification (notification_id, order_id, customer_id, type, status, items, currency_code, total_minor,
        synthetic, version, traceparent)
      select notification_id, order_id, customer_id, 'ORDER_CONFIRMATION', case when synthetic then 'SUPPRESSED' else 'PENDING' end,
        items, currency_code, total_minor, synthetic, 1, traceparent
      from unnest(
        ${notifications.map(({ notificationId }) => notificationId)}::uuid[],
        ${notifications.map(({ orderId }) => orderId)}::text[],
        ${notifications.map(({ customerId }) => customerId)}::text[],
        ${notifications.map(({ items }) => itemsToJson(items))}::jsonb[],
        ${notifications.map(({ total }) => total.currencyCode)}::text[],
        ${notifications.map(({ total }) => total.minorUnits)}::bigint[],
        ${notifications.map(({ synthetic }) => synthetic)}::boolean[],
        ${notifications.map(({ traceparent }) => traceparent)}::text[]
      ) as new (notification_id, order_id, customer_id, items, currency_code, total_minor, synthetic, traceparent)
      order by order_id
      on conflict (order_id) do nothing returning status`,
  );
  return rows.some(({ status }) => status === 'PENDING');
}

/** Creates the store; leases and delays are by the database's clock. */
export function createNotificationStore(database: Database): NotificationStore {
  const markSent = createBatcher<SentMail, boolean>({
    run: (mails) => markAllSent(database, mails),
    keyOf: ({ notificationId }) => notificationId,
  });
  return {
    claimDue: async (limit, leaseMs) => {
      const rows = await database.query<NotificationRow>(
        sql`update notification set next_try_time = now() + ${milliseconds(leaseMs)}, attempts = attempts + 1
          where notification_id = any (array (
            select notification_id from notification
            where status = 'PENDING' and ${rawSql(isDueSql('next_try_time', MAX_DELAY_MS))}
            order by next_try_time limit ${limit} for update skip locked
          ))
          returning ${COLUMNS}`,
      );
      return rows.map((row) => ({
        notification: toNotification(row),
        attempt: row.attempts,
        traceparent: row.traceparent,
      }));
    },

    markSent: (notificationId, sendTime, events) => markSent({ notificationId, sendTime, events }),

    postpone: async (notificationId, delayMs, error, counted) => {
      await database.query(
        sql`update notification set next_try_time = now() + ${milliseconds(Math.min(delayMs, MAX_DELAY_MS))}, error = ${error},
            attempts = attempts - ${counted ? 0 : 1}::int
          where notification_id = ${notificationId} and status = 'PENDING'`,
      );
    },

    list: async ({ customerId, orderId }, { size, after }) => {
      // Only the filters in use: a plan that holds for any filters reads every notification.
      const conditions = [sql`true`];
      if (customerId !== '') conditions.push(sql`customer_id = ${customerId}`);
      if (orderId !== '') conditions.push(sql`order_id = ${orderId}`);
      if (after !== undefined) {
        const [time, afterId] = after;
        conditions.push(sql`(create_time, notification_id) < (${time}::timestamptz, ${afterId}::uuid)`);
      }
      const rows = await database.query<NotificationRow>(
        sql`select ${COLUMNS} from notification where ${joinSql(conditions, ' and ')}
          order by create_time desc, notification_id desc limit ${size + 1}`,
      );
      return rows.map(toNotification);
    },
  };
}

/** The rule by which the notifications of synthetic orders are deleted. */
export function createNotificationPruneRule(syntheticRetentionMs: number): PruneRule {
  return {
    table: 'notification',
    time: 'create_time',
    windowMs: syntheticRetentionMs,
    where: 'synthetic',
  };
}

type SentMail = {
  readonly notificationId: string;
  readonly sendTime: Date;
  readonly events: readonly OutgoingEvent[];
};

// Locks the rows in the order of their ids, so that two of these statements cannot deadlock.
async function markAllSent(database: Database, mails: readonly SentMail[]): Promise<boolean[]> {
  const ids = mails.map(({ notificationId }) => notificationId);
  const events = mails.flatMap(({ notificationId, events }) => events.map((event) => ({ key: notificationId, event })));
  const rows = await database.query<{ id: string }>(
    sql`with mail as (
        select * from unnest(${ids}::uuid[], ${mails.map(({ sendTime }) => sendTime)}::timestamptz[]) as mail (id, send_time)
      ), locked as materialized (
        select notification_id from notification where notification_id in (select id from mail)
        order by notification_id for update
      ), sent as (
        update notification set status = 'SENT', send_time = mail.send_time, version = version + 1, error = ''
        from mail join locked on locked.notification_id = mail.id
        where notification.notification_id = mail.id and status = 'PENDING'
        returning notification.notification_id::text as id
      ), events as (${insertKeyedEvents(events, sql`select id from sent`)})
      select id from sent`,
  );
  const sent = new Set(rows.map(({ id }) => id));
  return ids.map((id) => sent.has(id));
}

function itemsToJson(items: Notification['items']): string {
  return JSON.stringify(items.map(({ productId, quantity }) => ({ product_id: productId, quantity })));
}

function toNotification(row: NotificationRow): Notification {
  return {
    notificationId: row.notification_id,
    orderId: row.order_id,
    customerId: row.customer_id,
    type: row.type,
    status: row.status,
    items: row.items.map(({ product_id, quantity }) => ({ productId: product_id, quantity })),
    total: { currencyCode: row.currency_code, minorUnits: BigInt(row.total_minor) },
    synthetic: row.synthetic,
    version: row.version,
    createTime: row.create_time,
    sendTime: row.send_time ?? undefined,
  };
}
