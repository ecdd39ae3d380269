// event OrderConfirmed, rpc ListNotifications, the mapping of notifications, and the settings.
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { NotificationStatus, NotificationType } from '#gen/shop/notification/v1/notification_pb.ts';
import { ListNotificationsRequestSchema } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { loadConfig } from '#services/notification/config.ts';
import { listNotifications, readPage } from '#services/notification/list-notifications.ts';
import { messageIdOf } from '#services/notification/notification.ts';
import { toNotificationMessage } from '#services/notification/notification-messages.ts';
import type { NotificationStore } from '#services/notification/notification-store.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import type { Transaction } from '#services/platform/storage/database.ts';
import { type Sql, toStatement } from '#services/platform/storage/sql.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { serve } from '../../support/services/serve.ts';
import { notificationOf } from './fakes.ts';

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Returns the first statement of a mock. */
function statementOf(query: { readonly mock: { readonly calls: readonly unknown[] } }) {
  const [statement] = query.mock.calls[0] as readonly [Sql];
  return toStatement(statement);
}

describe('the event OrderConfirmed', () => {
  function createInbox(inserted: readonly string[] = ['PENDING']) {
    const query = vi.fn(async () => inserted.map((status) => ({ status })));
    const afterCommit = vi.fn();
    const wakeMailer = vi.fn();
    const transaction = { query, afterCommit } as unknown as Transaction;
    const [handler] = createNotificationSubscriptions(wakeMailer).flatMap(({ handlers }) => handlers);
    const apply = async (changes: object = {}) => {
      const total = { currencyCode: 'EUR', minorUnits: 5999n };
      const items = [{ productId: '12345', quantity: 1 }];
      const event = create(OrderConfirmedSchema, { orderId: 'o1', customerId: 'cust123', items, total, ...changes });
      await handler?.apply(toBinary(OrderConfirmedSchema, event), transaction);
    };
    return { query, afterCommit, wakeMailer, apply };
  }

  it('stores a notification of its order in the given transaction', async () => {
    const { query, apply } = createInbox();
    await apply();
    const { values } = statementOf(query);
    const items = '[{"product_id":"12345","quantity":1}]';
    const row = [expect.stringMatching(UUID), 'o1', 'cust123', items, 'EUR', 5999n, false, ''];
    expect(values).toEqual(row.map((value) => [value]));
  });

  it('wakes the mailer only once it is committed', async () => {
    const { afterCommit, wakeMailer, apply } = createInbox();
    await apply();
    expect(afterCommit).toHaveBeenCalledWith(wakeMailer);
    expect(wakeMailer).not.toHaveBeenCalled();
  });

  it('does not wake the mailer when the order has its notification', async () => {
    const { afterCommit, apply } = createInbox([]);
    await apply();
    expect(afterCommit).not.toHaveBeenCalled();
  });

  it('does not wake the mailer for a synthetic order', async () => {
    const { query, afterCommit, apply } = createInbox(['SUPPRESSED']);
    await apply({ synthetic: true });
    expect(statementOf(query).values.at(-2)).toEqual([true]);
    expect(afterCommit).not.toHaveBeenCalled();
  });

  it.each([
    ['order_id', { orderId: '' }],
    ['customer_id', { customerId: '' }],
    ['total', { total: undefined }],
    ['customer_id', { customerId: 'cust\r\n' }],
  ])('is rejected without a valid %s (%o)', async (field, changes) => {
    const { query, apply } = createInbox();
    await expect(apply(changes)).rejects.toMatchObject({ kind: 'invalid_argument', violations: [{ field }] });
    expect(query).not.toHaveBeenCalled();
  });
});

describe('ListNotifications', () => {
  const tokenOf = (...keys: string[]) => pageTokenOf(['notifications', '', ''], ...keys);

  function createList(count: number) {
    const id = (index: number) => `00000000-0000-4000-8000-00000000000${index}`;
    const found = Array.from({ length: count }, (_, index) => notificationOf({ notificationId: id(index) }));
    const list = vi.fn<NotificationStore['list']>(async (_filter, { size }) => found.slice(0, size + 1));
    return {
      list,
      ask: (request: object) =>
        serve(
          ListNotificationsRequestSchema,
          request,
          (valid) => listNotifications({ store: { list } }, valid),
          readPage,
        ),
    };
  }

  it('continues after the last notification of the previous page', async () => {
    const { list, ask } = createList(3);
    const filter = { customerId: 'cust123', orderId: 'o1' };
    const { notifications, nextPageToken } = await ask({ ...filter, pageSize: 2 });
    await ask({ ...filter, pageSize: 2, pageToken: nextPageToken });
    expect(notifications).toHaveLength(2);
    expect(list.mock.calls[1]).toMatchObject([
      filter,
      { size: 2, after: ['2026-01-02T03:04:05.678Z', '00000000-0000-4000-8000-000000000001'] },
    ]);
  });

  it.each([{ customerId: 'cust123' }, { orderId: 'o1' }])('refuses the token of a page without %o', async (filter) => {
    const { ask } = createList(3);
    const { nextPageToken } = await ask({ pageSize: 2 });
    await expect(ask({ ...filter, pageToken: nextPageToken })).rejects.toMatchObject({
      violations: [{ field: 'page_token' }],
    });
  });

  it('returns no token with the last notification', async () => {
    expect((await createList(2).ask({})).nextPageToken).toBe('');
  });

  it.each([
    ['page_size', { pageSize: -1 }],
    ['page_token', { pageToken: 'nonsense' }],
    ['page_token', { pageToken: tokenOf('2026-01-02T03:04:05.678Z', 'no uuid') }],
    ['page_token', { pageToken: tokenOf('now', '00000000-0000-4000-8000-000000000001') }],
    ['customer_id', { customerId: 'x'.repeat(129) }],
    ['order_id', { orderId: '\u0000' }],
  ])('reports the invalid field %s (%o)', async (field, request) => {
    await expect(createList(0).ask(request)).rejects.toMatchObject({
      kind: 'invalid_argument',
      violations: [{ field }],
    });
  });
});

describe('a notification as a message', () => {
  it('has the Message-ID of its mail, and no time while it is pending', () => {
    const message = toNotificationMessage(notificationOf());
    expect(message).toMatchObject({
      type: NotificationType.ORDER_CONFIRMATION,
      status: NotificationStatus.PENDING,
      messageId: messageIdOf(notificationOf().notificationId),
    });
    expect(message).not.toHaveProperty('sendTime');
  });

  it('has no Message-ID when it is never sent', () => {
    expect(toNotificationMessage(notificationOf({ status: 'SUPPRESSED', synthetic: true })).messageId).toBe('');
  });
});

describe('the settings of notification', () => {
  const needed = { NOTIFICATION_DATABASE_URL: 'postgres://notification:secret@127.0.0.1:54329/notification' };

  it('have a default each, except the database', () => {
    expect(loadConfig(needed)).toMatchObject({ port: 50_054, smtpUrl: 'smtp://127.0.0.1:1025' });
  });

  it('are refused with every violation at once and no secret', () => {
    const faulty = { NOTIFICATION_DATABASE_URL: 'mysql://u:secret@h/d', SMTP_URL: 'http://u:secret@h' };
    expect(() => loadConfig(faulty)).toThrow(
      /NOTIFICATION_DATABASE_URL[\s\S]*SMTP_URL|SMTP_URL[\s\S]*NOTIFICATION_DATABASE_URL/,
    );
    expect(() => loadConfig(faulty)).not.toThrow(/secret/);
  });
});
