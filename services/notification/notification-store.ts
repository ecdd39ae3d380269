// All SQL about notifications. Every change is one statement; a mail that is sent is stored together with its event.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertOutboxSql, outboxValues } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { Notification, NotificationStatus } from './notification.ts';

const MAX_WAIT_MS = 600_000;

/** A notification whose mail is to be tried, for the `attempt`-th time, and the trace it belongs to. */
export type DueNotification = {
  readonly notification: Notification;
  readonly attempt: number;
  readonly traceparent: string;
};

export type NotificationFilter = { readonly customerId: string; readonly orderId: string };

export type NewNotification = Pick<
  Notification,
  'notificationId' | 'orderId' | 'customerId' | 'items' | 'total' | 'synthetic'
>;

export type NotificationStore = {
  /** Takes, for `leaseMs`, the notifications whose mail is to be tried now: at most `limit`, the longest waiting first. */
  claimDue(limit: number, leaseMs: number): Promise<DueNotification[]>;
  /** Stores that the mail was sent, with its events. Returns whether it was not stored before. */
  markSent(notificationId: string, sendTime: Date, events: readonly OutgoingEvent[]): Promise<boolean>;
  /** Puts a mail that could not be sent off for `delayMs`, ten minutes at most; `counted` tells whether that was a try. */
  putOff(notificationId: string, delayMs: number, error: string, counted: boolean): Promise<void>;
  /** One row more than the page holds, newest first. */
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

const COLUMNS = `notification_id, order_id, customer_id, type, status, items, currency_code, total_minor, synthetic, version,
  attempts, traceparent, create_time, send_time`;

/** Stores the one notification of an order; returns whether there was none. Those of test orders are never sent. */
export async function insertNotification(queryable: Queryable, notification: NewNotification): Promise<boolean> {
  const { notificationId, orderId, customerId, items, total, synthetic } = notification;
  const rows = await queryable.query(
    `insert into notification (notification_id, order_id, customer_id, type, status, items, currency_code, total_minor,
       synthetic, version, traceparent)
     values ($1, $2, $3, 'ORDER_CONFIRMATION', case when $7 then 'SUPPRESSED' else 'PENDING' end, $4::jsonb, $5, $6, $7, 1, $8)
     on conflict (order_id) do nothing returning notification_id`,
    [
      notificationId,
      orderId,
      customerId,
      JSON.stringify(items.map(({ productId, quantity }) => ({ product_id: productId, quantity }))),
      total.currencyCode,
      total.minorUnits,
      synthetic,
      injectTrace().traceparent ?? '',
    ],
  );
  return rows.length > 0;
}

/** Makes the store; leases and delays are by the database's clock. */
export function createNotificationStore(database: Database): NotificationStore {
  return {
    claimDue: async (limit, leaseMs) => {
      const rows = await database.query<NotificationRow>(
        `update notification set next_try_time = now() + $2::float8 * interval '1 millisecond', attempts = attempts + 1
         where notification_id in (
           select notification_id from notification where status = 'PENDING' and ${isDueSql('next_try_time', MAX_WAIT_MS)}
           order by next_try_time limit $1 for update skip locked
         )
         returning ${COLUMNS}`,
        [limit, leaseMs],
      );
      return rows.map((row) => ({
        notification: toNotification(row),
        attempt: row.attempts,
        traceparent: row.traceparent,
      }));
    },

    markSent: async (notificationId, sendTime, events) => {
      const rows = await database.query(
        `with sent as (
           update notification set status = 'SENT', send_time = $2, version = version + 1, error = ''
           where notification_id = $1 and status = 'PENDING' returning notification_id
         ), told as (${insertOutboxSql(3, 'sent')})
         select notification_id from sent`,
        [notificationId, sendTime, ...outboxValues(events)],
      );
      return rows.length > 0;
    },

    putOff: async (notificationId, delayMs, error, counted) => {
      await database.query(
        `update notification set next_try_time = now() + $2::float8 * interval '1 millisecond', error = $3,
           attempts = attempts - case when $4 then 0 else 1 end
         where notification_id = $1 and status = 'PENDING'`,
        [notificationId, Math.min(delayMs, MAX_WAIT_MS), error, counted],
      );
    },

    list: async ({ customerId, orderId }, { size, after }) => {
      const rows = await database.query<NotificationRow>(
        `select ${COLUMNS} from notification
         where ($1 = '' or customer_id = $1) and ($2 = '' or order_id = $2)
           and ($3::timestamptz is null or (create_time, notification_id) < ($3::timestamptz, $4::uuid))
         order by create_time desc, notification_id desc limit $5`,
        [customerId, orderId, after?.[0] ?? null, after?.[1] ?? null, size + 1],
      );
      return rows.map(toNotification);
    },
  };
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
