// What the statements of the notification service read when it has many notifications.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createNotificationPruneRule,
  createNotificationStore,
  insertNotifications,
  type NotificationStore,
} from '#services/notification/notification-store.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';

// The synthetic notifications are as old as the real ones, but not old enough to be pruned.
const plans = useQueryPlans('notification', [
  `insert into notification (notification_id, order_id, customer_id, type, status, items, currency_code, total_minor, synthetic,
      version, create_time, send_time)
    select gen_random_uuid(), 'order-' || n, 'customer-' || n % 500, 'ORDER_CONFIRMATION',
      case when n % 20 = 0 then 'SUPPRESSED' else 'SENT' end, '[]', 'EUR', 100, n % 20 = 0, 2, time,
      case when n % 20 <> 0 then time end
    from generate_series(1, 20000) as n, lateral (select now() - n * interval '1 second' as time) as made`,
]);

const store = () => createNotificationStore(plans.database);

async function add(): Promise<string> {
  const notificationId = randomUUID();
  const total = { currencyCode: 'EUR', minorUnits: 100n };
  const details = { orderId: notificationId, customerId: 'customer-7', items: [], total, synthetic: false };
  await insertNotifications(plans.database, [{ notificationId, ...details, traceparent: '' }]);
  return notificationId;
}

const PAGE = { size: 50, after: undefined };
const NEXT_PAGE = { size: 50, after: [new Date().toISOString(), randomUUID()] };

const statements: Record<keyof NotificationStore, () => Promise<unknown>> = {
  claimDue: async () => {
    await add();
    await store().claimDue(20, 1_000);
  },
  markSent: async () => store().markSent(await add(), new Date(), []),
  postpone: async () => store().postpone(await add(), 1_000, 'error', true),
  list: async () => {
    for (const page of [PAGE, NEXT_PAGE]) {
      await store().list({ customerId: '', orderId: '' }, page);
      await store().list({ customerId: 'customer-7', orderId: '' }, page);
      await store().list({ customerId: '', orderId: 'order-77' }, page);
      await store().list({ customerId: 'customer-7', orderId: 'order-77' }, page);
    }
  },
};

describe('with many notifications', () => {
  it.each(Object.entries(statements))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(statements))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('claiming a few of many due notifications reads no others', async () => {
    await plans.sql(
      `update notification set status = 'PENDING', send_time = null where status = 'SENT' and order_id like 'order-1____'`,
    );
    await plans.sql('analyze notification');

    const scans = await plans.findScans(() => store().claimDue(20, 1_000));

    await plans.sql(`update notification set status = 'SENT', send_time = now() where status = 'PENDING'`);
    await plans.sql('vacuum analyze notification');
    expect(scans).toEqual([]);
  });

  it('looking for notifications to prune when there is none reads none of them', async () => {
    const rule = createNotificationPruneRule(86_400_000);
    expect(await plans.findScans(async () => expect(await prune(plans.database, rule)).toBe(0))).toEqual([]);
  });
});
