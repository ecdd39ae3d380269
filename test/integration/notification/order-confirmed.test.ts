// From the event of a confirmed order to the mail in the customer's mailbox, on the real service.
import { describe, expect, it, vi } from 'vitest';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { NotificationStatus, NotificationType } from '#gen/shop/notification/v1/notification_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { startMailbox } from '#local/mailbox/mailbox.ts';
import { publishAgain, publishEvent, readEventBodies } from '../../support/events.ts';
import { PATIENCE } from '../../support/patience.ts';
import { fetchMails, orderConfirmed, startNotificationFixture } from '../../support/services/notification.ts';
import { readPages } from '../../support/services/pages.ts';

// The seed's time bound.
const WITHIN = { timeout: 5_000, interval: 25 };

describe('the event OrderConfirmed', () => {
  it('becomes an order confirmation for cust123, mailed within 5 s', { tags: 'seed-5.5' }, async () => {
    await using fixture = await startNotificationFixture();
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));

    await vi.waitFor(async () => expect(await fixture.mails()).toHaveLength(1), WITHIN);
    const [mail] = await fixture.mails();
    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({ customerId: 'cust123' });
      expect(notifications).toMatchObject([
        {
          orderId: 'order-1',
          customerId: 'cust123',
          type: NotificationType.ORDER_CONFIRMATION,
          status: NotificationStatus.SENT,
          messageId: mail?.message_id,
          sendTime: expect.anything(),
        },
      ]);
      expect(mail?.message_id).toContain(notifications[0]?.notificationId);
    }, WITHIN);
    expect(mail).toMatchObject({ to: ['cust123@customers.example'], subject: 'Your order order-1 is confirmed' });
    expect(mail?.text).toMatch(/Order: order-1\s+1 x 12345\s+Total: 59\.99 EUR/);
    await vi.waitFor(async () => {
      const sent = await readEventBodies(fixture.nats, NotificationSentSchema);
      expect(sent).toMatchObject([{ orderId: 'order-1', customerId: 'cust123', version: 2n }]);
    }, WITHIN);
  });

  it('causes one row and one mail, redelivered or in a second event of the same order', {
    tags: 'seed-7.2',
  }, async () => {
    await using fixture = await startNotificationFixture();
    const event = await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));
    await publishAgain(fixture.nats, event);
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-2'));

    await vi.waitFor(async () => expect(await mailedOrders(fixture)).toEqual(['order-1', 'order-2']), PATIENCE);
    await expect.poll(async () => (await fixture.ops.getStatus({})).status?.consumers[0]?.unacknowledged).toBe(0n);
    expect(await mailedOrders(fixture)).toEqual(['order-1', 'order-2']);
    expect((await fixture.client.listNotifications({ orderId: 'order-1' })).notifications).toHaveLength(1);
  });

  it('of a synthetic order is kept for its retention and never mailed', { tags: 'seed-8.1' }, async () => {
    await using fixture = await startNotificationFixture();
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('test-order', { synthetic: true }));
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));

    await vi.waitFor(async () => expect(await mailedOrders(fixture)).toEqual(['order-1']), PATIENCE);
    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({ orderId: 'test-order' });
      expect(notifications).toMatchObject([{ status: NotificationStatus.SUPPRESSED, messageId: '' }]);
    }, PATIENCE);
    await fixture.query(`update notification set create_time = now() - interval '25 hours'`);
    await using _replica = await fixture.startReplica();
    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({});
      expect(notifications.map(({ orderId }) => orderId)).toEqual(['order-1']);
    }, PATIENCE);
  });

  it('reaches customers with any id, each at its own address, without header injection', async () => {
    await using fixture = await startNotificationFixture();
    const customers = [
      'a b',
      'Ünïcode@elsewhere.example, x@y.example',
      '.dot.',
      'x'.repeat(128),
      '"quoted"<z@z.example>',
    ];
    for (const [index, customerId] of customers.entries()) {
      await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed(`order-${index}`, { customerId }));
    }

    await vi.waitFor(async () => expect(await fixture.mails()).toHaveLength(customers.length), PATIENCE);
    const recipients = (await fixture.mails()).map(({ to }) => to);
    expect(recipients.every((to) => to.length === 1 && to[0]?.endsWith('@customers.example'))).toBe(true);
    expect(new Set(recipients.flat()).size).toBe(customers.length);
  });
});

describe('a mail server that is down', () => {
  it('delays mails while the service keeps serving, and gets them when it is up again', async () => {
    const mailbox = await startMailbox();
    const { smtpUrl, smtpPort } = mailbox;
    await mailbox.close();
    await using fixture = await startNotificationFixture({ smtpUrl });
    for (let index = 0; index < 8; index += 1) {
      await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed(`order-${index}`));
    }
    await vi.waitFor(async () => {
      const { status } = await fixture.ops.getStatus({});
      expect(status?.breakers).toMatchObject([{ dependency: 'smtp', reason: expect.stringMatching(/ECONNREFUSED/) }]);
    }, PATIENCE);
    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({});
      expect(notifications.map(({ status }) => status)).toEqual(Array(8).fill(NotificationStatus.PENDING));
    }, PATIENCE);

    await using back = await startMailbox({ smtpPort });
    await vi.waitFor(async () => expect(await fetchMails(back.httpUrl)).toHaveLength(8), PATIENCE);
    const ids = (await fetchMails(back.httpUrl)).map((mail) => mail.message_id);
    expect(new Set(ids).size).toBe(8);
  });
});

describe('a mailer killed between mail and mark', () => {
  it.each([
    { lease: 'over', nextTry: 'now()' },
    { lease: 'far ahead of a clock set back since', nextTry: "now() + interval '1 day'" },
  ])('sends the mail again with the same Message-ID, its lease $lease', async ({ nextTry }) => {
    await using fixture = await startNotificationFixture();
    await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));
    await vi.waitFor(async () => expect(await fixture.mails()).toHaveLength(1), PATIENCE);
    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({});
      expect(notifications[0]?.status).toBe(NotificationStatus.SENT);
    }, PATIENCE);

    await fixture.query(`update notification set status = 'PENDING', send_time = null, next_try_time = ${nextTry}`);

    await vi.waitFor(async () => expect(await fixture.mails()).toHaveLength(2), PATIENCE);
    expect(new Set((await fixture.mails()).map((mail) => mail.message_id)).size).toBe(1);
  });

  it('does not send twice while two replicas run', async () => {
    await using fixture = await startNotificationFixture();
    await using _replica = await fixture.startReplica();
    const orders = Array.from({ length: 30 }, (_, index) => `order-${index}`).sort();
    await Promise.all(
      orders.map((orderId) => publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed(orderId))),
    );

    await vi.waitFor(async () => {
      const { notifications } = await fixture.client.listNotifications({});
      expect(notifications.map(({ status }) => status)).toEqual(orders.map(() => NotificationStatus.SENT));
    }, PATIENCE);
    expect(await mailedOrders(fixture)).toEqual(orders);
  });
});

describe('ListNotifications', () => {
  it('pages newest first without gaps or duplicates, and filters', async () => {
    await using fixture = await startNotificationFixture();
    for (let index = 0; index < 7; index += 1) {
      const customerId = index % 2 === 0 ? 'even' : 'odd';
      await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed(`order-${index}`, { customerId }));
      await expect.poll(async () => (await fixture.client.listNotifications({})).notifications).toHaveLength(index + 1);
    }
    const pages = await readPages((pageToken) => fixture.client.listNotifications({ pageSize: 3, pageToken }));

    const seen = pages.flatMap(({ notifications }) => notifications.map(({ orderId }) => orderId));
    expect(seen).toEqual(['order-6', 'order-5', 'order-4', 'order-3', 'order-2', 'order-1', 'order-0']);
    const odd = await fixture.client.listNotifications({ customerId: 'odd' });
    expect(odd.notifications.map(({ orderId }) => orderId)).toEqual(['order-5', 'order-3', 'order-1']);
  });
});

async function mailedOrders(fixture: { mails(): Promise<{ subject: string }[]> }): Promise<string[]> {
  const subjects = (await fixture.mails()).map(({ subject }) => subject);
  return subjects.map((subject) => /order-?\S+/.exec(subject.replace('Your order ', ''))?.[0] ?? subject).sort();
}
