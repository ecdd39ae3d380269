// ViolationExample violations of what orders hold, of what their customers hear, and of what their clients were told.
import { euros, mailsOf, of, type ViolationExample, productOf, untell, without } from './violation-examples.ts';

export const ORDERS: ViolationExample[] = [
  [
    'nothing-held',
    'declined',
    'a failed order keeps stock reserved',
    (facts) => {
      const reservation = of(facts.reservations, 'declined');
      reservation.state = 'RESERVED';
      productOf(facts, 'mug').reserved = 1;
      untell(facts, 'inventory', 'inventory.v1.StockReleased of declined');
    },
  ],
  [
    'nothing-held',
    'cancelled',
    'payment holds the charge of a cancelled order',
    (facts) => {
      of(facts.charges, 'cancelled').status = 'CHARGING';
      untell(facts, 'payment', 'payment.v1.PaymentCompleted of cancelled', 'payment.v1.PaymentRefunded of cancelled');
    },
  ],
  [
    'nothing-held',
    'declined',
    'what a failed order reserved is sold',
    (facts) => {
      of(facts.reservations, 'declined').state = 'CONFIRMED';
      untell(facts, 'inventory', 'inventory.v1.StockReleased of declined');
    },
  ],
  [
    'nothing-held',
    'cancelled',
    'payment does not know that the provider gave the money back',
    (facts) => {
      of(facts.charges, 'cancelled').status = 'COMPLETED';
      untell(facts, 'payment', 'payment.v1.PaymentRefunded of cancelled');
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'an order that was barred does not exist',
    (facts) => {
      facts.reservations.push({ ...facts.reservations[0]!, orderId: 'ghost', state: 'RELEASED', lines: [] });
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'a refund was for no order',
    (facts) => {
      facts.charges.push({ ...facts.charges[0]!, orderId: 'ghost', status: 'REFUNDED', transactionId: '' });
    },
  ],
  [
    'nothing-orphaned',
    'ghost',
    'the provider declined a charge for no order',
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
    'a notification is gone',
    (facts) => {
      facts.notifications = without(facts.notifications, 'confirmed');
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
      untell(facts, 'notification', 'sent notification of confirmed');
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
    'the notification tells another total',
    ({ notifications }) => {
      of(notifications, 'confirmed').total = euros(1n);
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'no mail came',
    (facts) => {
      facts.mailbox!.mails = without(mailsOf(facts), 'confirmed');
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'a mail came again under another Message-ID',
    (facts) => {
      mailsOf(facts).push({ messageId: '<another@notification.customers.example>', orderId: 'confirmed' });
    },
  ],
  [
    'mailed-once',
    'confirmed',
    'the mail is not of the notification',
    (facts) => {
      of(mailsOf(facts), 'confirmed').messageId = '<another@notification.customers.example>';
    },
  ],
  [
    'no-mail-astray',
    'declined',
    'a failed order was mailed as confirmed',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'declined' });
    },
  ],
  [
    'no-mail-astray',
    'short',
    'a failed order has a notification',
    ({ notifications }) => {
      notifications.push({ ...notifications[0]!, notificationId: 'n', orderId: 'short', status: 'PENDING' });
    },
  ],
  [
    'no-mail-astray',
    'ghost',
    'a mail tells of no order there is',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'ghost' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a test order captured money, though it gave it back',
    ({ ledger }) => {
      ledger!.push({ ...of(ledger, 'cancelled'), orderId: 'synthetic' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a test order was mailed',
    (facts) => {
      mailsOf(facts).push({ messageId: '<m@notification.customers.example>', orderId: 'synthetic' });
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a test order is about to be mailed',
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
      facts.told = without(facts.told, 'synthetic');
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
    'answers-stand',
    'ghost',
    'an order that was told does not exist',
    ({ told }) => {
      told.push({ idempotencyKey: 'key', orderId: 'ghost', status: 'PENDING', outcome: 'PENDING' });
    },
  ],
  [
    'answers-stand',
    'declined',
    'a client was told CONFIRMED',
    ({ told }) => {
      of(told, 'declined').outcome = 'CONFIRMED';
      of(told, 'declined').status = 'PENDING';
    },
  ],
  [
    'answers-stand',
    'confirmed',
    'a client was told FAILED',
    ({ told }) => {
      of(told, 'confirmed').outcome = 'FAILED';
      of(told, 'confirmed').status = 'PENDING';
    },
  ],
  [
    'answers-stand',
    'cancelled',
    'a client was told of another end',
    ({ told }) => {
      of(told, 'cancelled').status = 'FAILED';
    },
  ],
  [
    'answers-stand',
    'key of declined',
    'one key was answered with two orders',
    ({ told }) => {
      told.push({ ...of(told, 'short'), idempotencyKey: 'key of declined' });
    },
  ],
  [
    'answers-stand',
    'declined',
    'the key is another order’s',
    ({ told }) => {
      of(told, 'declined').idempotencyKey = 'key of short';
    },
  ],
];
