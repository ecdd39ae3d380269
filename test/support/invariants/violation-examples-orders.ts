// Examples of violations in orders, their notifications and the answers to clients.
import { euros, mailsOf, of, productOf, removeEvents, type ViolationExample, without } from './violation-examples.ts';

export const ORDERS: ViolationExample[] = [
  [
    'nothing-held',
    'declined',
    'a failed order holds a reservation',
    (facts) => {
      const reservation = of(facts.reservations, 'declined');
      reservation.state = 'RESERVED';
      productOf(facts, 'mug').reserved = 1;
      removeEvents(facts, 'inventory', 'inventory.v1.StockReleased of declined');
    },
  ],
  [
    'nothing-held',
    'cancelled',
    'the charge of a cancelled order is in progress',
    (facts) => {
      of(facts.charges, 'cancelled').status = 'CHARGING';
      removeEvents(
        facts,
        'payment',
        'payment.v1.PaymentCompleted of cancelled',
        'payment.v1.PaymentRefunded of cancelled',
      );
    },
  ],
  [
    'nothing-held',
    'declined',
    'the reservation of a failed order is confirmed',
    (facts) => {
      of(facts.reservations, 'declined').state = 'CONFIRMED';
      removeEvents(facts, 'inventory', 'inventory.v1.StockReleased of declined');
    },
  ],
  [
    'nothing-held',
    'cancelled',
    'payment has not recorded the refund of the provider',
    (facts) => {
      of(facts.charges, 'cancelled').status = 'COMPLETED';
      removeEvents(facts, 'payment', 'payment.v1.PaymentRefunded of cancelled');
    },
  ],
  [
    'nothing-held',
    'refunded',
    'payment does not know the charge of a refunded order',
    (facts) => {
      facts.charges = without(facts.charges, 'refunded');
      removeEvents(
        facts,
        'payment',
        'payment.v1.PaymentCompleted of refunded',
        'payment.v1.PaymentRefunded of refunded',
      );
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'a tombstone is for no order',
    (facts) => {
      facts.reservations.push({ ...facts.reservations[0]!, orderId: 'ghost', state: 'RELEASED', lines: [] });
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'a refund is for no order',
    (facts) => {
      facts.charges.push({ ...facts.charges[0]!, orderId: 'ghost', status: 'REFUNDED', transactionId: '' });
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'a declined charge is for no order',
    ({ ledger }) => {
      ledger!.push({ ...ledger![0]!, orderId: 'ghost', status: 'declined' });
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'a notification is for no order',
    (facts) => {
      facts.notifications.push({
        ...facts.notifications[0]!,
        notificationId: 'n',
        orderId: 'ghost',
        status: 'PENDING',
      });
    },
  ],
  [
    'notified-once',
    'confirmed',
    'the notification is missing',
    (facts) => {
      facts.notifications = without(facts.notifications, 'confirmed');
    },
  ],
  [
    'notified-once',
    'refunded',
    'the notification of a refunded order is missing',
    (facts) => {
      facts.notifications = without(facts.notifications, 'refunded');
    },
  ],
  [
    'notified-once',
    'confirmed',
    'there are two notifications',
    ({ notifications }) => {
      notifications.push({ ...of(notifications, 'confirmed'), notificationId: 'second', status: 'PENDING' });
    },
  ],
  [
    'notified-once',
    'confirmed',
    'the notification was never sent',
    (facts) => {
      of(facts.notifications, 'confirmed').status = 'PENDING';
      removeEvents(facts, 'notification', 'sent notification of confirmed');
    },
  ],
  [
    'notified-once',
    'confirmed',
    'the notification is for another customer',
    ({ notifications }) => {
      of(notifications, 'confirmed').customerId = 'another';
    },
  ],
  [
    'notified-once',
    'confirmed',
    'the notification has another total',
    ({ notifications }) => {
      of(notifications, 'confirmed').total = euros(1n);
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'an order is older than the mails that are kept, its mail is not',
    ({ mailbox, notifications }) => {
      mailbox!.since = new Date('2026-04-01T12:00:00.000Z');
      mailbox!.mails = without(mailbox!.mails, 'confirmed');
      of(notifications, 'confirmed').sendTime = mailbox!.since;
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'no mail arrived',
    (facts) => {
      facts.mailbox!.mails = without(mailsOf(facts), 'confirmed');
    },
  ],
  [
    'mailed-once',
    'refunded',
    'no mail confirmed an order that was refunded later',
    (facts) => {
      facts.mailbox!.mails = without(mailsOf(facts), 'refunded');
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'a mail arrived again with another Message-ID',
    (facts) => {
      mailsOf(facts).push({ messageId: '<another@notification.customers.example>', orderId: 'confirmed' });
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'the mail has the Message-ID of no notification',
    (facts) => {
      of(mailsOf(facts), 'confirmed').messageId = '<another@notification.customers.example>';
    },
  ],
  [
    'no-stray-mail',
    'declined',
    'a failed order was mailed as confirmed',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'declined' });
    },
  ],
  [
    'no-stray-mail',
    'short',
    'a failed order has a notification',
    ({ notifications }) => {
      notifications.push({ ...notifications[0]!, notificationId: 'n', orderId: 'short', status: 'PENDING' });
    },
  ],
  [
    'no-stray-mail',
    'ghost',
    'a mail is about an order that does not exist',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'ghost' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a synthetic order captured and refunded money',
    ({ ledger }) => {
      ledger!.push({ ...of(ledger, 'cancelled'), orderId: 'synthetic' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a synthetic order was mailed',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'synthetic' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a synthetic order has a mail pending',
    ({ notifications }) => {
      of(notifications, 'synthetic').status = 'PENDING';
    },
  ],
  [
    'one-order-per-key',
    'confirmed',
    'an order has two keys',
    ({ keys }) => {
      keys.push({ idempotencyKey: 'second key', orderId: 'confirmed' });
    },
  ],
  [
    'one-order-per-key',
    'synthetic',
    'an order has no key',
    (facts) => {
      facts.keys = without(facts.keys, 'synthetic');
      facts.acknowledged = without(facts.acknowledged, 'synthetic');
    },
  ],
  [
    'one-order-per-key',
    'ghost',
    'a key has no order',
    ({ keys }) => {
      keys.push({ idempotencyKey: 'key', orderId: 'ghost' });
    },
  ],
  [
    'answers-durable',
    'ghost',
    'an acknowledged order does not exist',
    ({ acknowledged }) => {
      acknowledged.push({ idempotencyKey: 'key', orderId: 'ghost', status: 'PENDING', outcome: 'PENDING' });
    },
  ],
  [
    'answers-durable',
    'declined',
    'a failed order was acknowledged as CONFIRMED',
    ({ acknowledged }) => {
      of(acknowledged, 'declined').outcome = 'CONFIRMED';
      of(acknowledged, 'declined').status = 'PENDING';
    },
  ],
  [
    'answers-durable',
    'confirmed',
    'a confirmed order was acknowledged as FAILED',
    ({ acknowledged }) => {
      of(acknowledged, 'confirmed').outcome = 'FAILED';
      of(acknowledged, 'confirmed').status = 'PENDING';
    },
  ],
  [
    'answers-durable',
    'refunded',
    'a refunded order was acknowledged as FAILED',
    ({ acknowledged }) => {
      of(acknowledged, 'refunded').outcome = 'FAILED';
    },
  ],
  [
    'answers-durable',
    'confirmed',
    'a confirmed order was acknowledged as REFUNDED',
    ({ acknowledged }) => {
      of(acknowledged, 'confirmed').status = 'REFUNDED';
    },
  ],
  [
    'answers-durable',
    'cancelled',
    'a cancelled order was acknowledged as FAILED',
    ({ acknowledged }) => {
      of(acknowledged, 'cancelled').status = 'FAILED';
    },
  ],
  [
    'answers-durable',
    'key of declined',
    'one key was answered with two orders',
    ({ acknowledged }) => {
      acknowledged.push({ ...of(acknowledged, 'short'), idempotencyKey: 'key of declined' });
    },
  ],
  [
    'answers-durable',
    'confirmed',
    'the acknowledged key belongs to no order',
    ({ acknowledged }) => {
      of(acknowledged, 'confirmed').idempotencyKey = 'another key';
    },
  ],
  [
    'answers-durable',
    'declined',
    'the key belongs to another order',
    ({ acknowledged }) => {
      of(acknowledged, 'declined').idempotencyKey = 'key of short';
    },
  ],
];
