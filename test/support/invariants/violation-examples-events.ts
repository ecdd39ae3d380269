// ViolationExample violations of what happens to events on their way.
import { type Draft, eventOf } from './clean-facts.ts';
import type { EventFact } from './facts.ts';
import { type DraftFacts, euros, of, type ViolationExample, productOf, receive, streamOf, tell, untell } from './violation-examples.ts';

const orderEvent = (facts: DraftFacts, eventId: string): Draft<EventFact> =>
  streamOf(facts, 'order').events.find(({ id }) => id === eventId)!;

export const EVENTS: ViolationExample[] = [
  [
    'events-distinct',
    'repeated',
    'an event is in its stream twice',
    (facts) => {
      const event = { id: 'repeated', subject: 'shop.order.v1.Other', sequence: 7, body: undefined };
      streamOf(facts, 'order').events.push(event, event);
    },
  ],
  [
    'events-distinct',
    'SHOP_ORDER:7',
    'an event has no id',
    (facts) => {
      streamOf(facts, 'order').events.push({ id: '', subject: 'shop.order.v1.Other', sequence: 7, body: undefined });
    },
  ],
  [
    'order-events',
    'short',
    'OrderCreated was lost on the way',
    (facts) => {
      untell(facts, 'order', 'created short');
    },
  ],
  [
    'order-events',
    'short',
    'OrderFailed was lost on the way',
    (facts) => {
      untell(facts, 'order', 'ended short');
    },
  ],
  [
    'order-events',
    'confirmed',
    'an order was confirmed twice',
    (facts) => {
      streamOf(facts, 'order').events.push({ ...orderEvent(facts, 'ended confirmed'), id: 'again' });
      receive(facts, 'again');
    },
  ],
  [
    'order-events',
    'short',
    'two orders were made of one',
    (facts) => {
      streamOf(facts, 'order').events.push({ ...orderEvent(facts, 'created short'), id: 'again' });
      receive(facts, 'again');
    },
  ],
  [
    'order-events',
    'cancelled',
    'a cancelled order was told as failed',
    (facts) => {
      orderEvent(facts, 'ended cancelled').subject = 'shop.order.v1.OrderFailed';
      of(facts.sales, 'cancelled').steps.push('FAILED');
      facts.messaging.order.sent = facts.messaging.order.sent.filter(({ eventId }) => eventId !== 'ended cancelled');
    },
  ],
  [
    'order-events',
    'confirmed',
    'the confirmation has an old version',
    (facts) => {
      orderEvent(facts, 'ended confirmed').body!.version = 1;
    },
  ],
  [
    'order-events',
    'declined',
    'the failure has a version that the order never had',
    (facts) => {
      orderEvent(facts, 'ended declined').body!.version = 4;
    },
  ],
  [
    'order-events',
    'declined',
    'the failure has the version of the creation',
    (facts) => {
      orderEvent(facts, 'ended declined').body!.version = 1;
    },
  ],
  [
    'order-events',
    'confirmed',
    'OrderCreated has a later version than the first',
    (facts) => {
      orderEvent(facts, 'created confirmed').body!.version = 2;
    },
  ],
  [
    'order-events',
    'confirmed',
    'an event tells another customer',
    (facts) => {
      orderEvent(facts, 'created confirmed').body!.customerId = 'another';
    },
  ],
  [
    'order-events',
    'declined',
    'an event tells another total',
    (facts) => {
      orderEvent(facts, 'ended declined').body!.total = euros(1n);
    },
  ],
  [
    'order-events',
    'ghost',
    'an event tells of an order that does not exist',
    (facts) => {
      tell(facts, 'order', 'OrderCreated', 'ghost');
    },
  ],
  [
    'changes-told',
    'confirmed',
    'a sale was never told as reserved',
    (facts) => {
      untell(facts, 'inventory', 'inventory.v1.StockReserved of confirmed');
    },
  ],
  [
    'changes-told',
    'short',
    'a rejection was never told',
    (facts) => {
      untell(facts, 'inventory', 'inventory.v1.InsufficientStock of short');
    },
  ],
  [
    'changes-told',
    'cancelled',
    'a release was never told',
    (facts) => {
      untell(facts, 'inventory', 'inventory.v1.StockReleased of cancelled');
    },
  ],
  [
    'changes-told',
    'declined',
    'a decline was never told',
    (facts) => {
      untell(facts, 'payment', 'payment.v1.PaymentFailed of declined');
    },
  ],
  [
    'changes-told',
    'confirmed',
    'a payment was never told',
    (facts) => {
      untell(facts, 'payment', 'payment.v1.PaymentCompleted of confirmed');
    },
  ],
  [
    'changes-told',
    'cancelled',
    'a refund was never told',
    (facts) => {
      untell(facts, 'payment', 'payment.v1.PaymentRefunded of cancelled');
    },
  ],
  [
    'changes-told',
    'notification of confirmed',
    'a mail was never told',
    (facts) => {
      untell(facts, 'notification', 'sent notification of confirmed');
    },
  ],
  [
    'changes-told',
    'lamp',
    'one change of price was told twice and one never',
    (facts) => {
      productOf(facts, 'lamp').version = 2;
      streamOf(facts, 'inventory').events.push(
        eventOf('again', 'shop.inventory.v1.ProductChanged', { productId: 'lamp' }),
      );
      receive(facts, 'again');
    },
  ],
  [
    'changes-told',
    'cancelled',
    'one refund was told twice',
    (facts) => {
      tell(facts, 'payment', 'PaymentRefunded', 'cancelled');
    },
  ],
  [
    'changes-told',
    'lamp',
    'a change of price was never told',
    (facts) => {
      productOf(facts, 'lamp').version = 2;
    },
  ],
  [
    'outbox-delivered',
    'lost',
    'an event marked as sent is not in the stream',
    ({ messaging }) => {
      messaging.payment.sent.push({ eventId: 'lost', subject: 'shop.payment.v1.Other', sentTime: new Date() });
    },
  ],
  [
    'inbox-complete',
    'ended confirmed',
    'an event was not applied',
    ({ messaging }) => {
      messaging.notification.inbox.delete('ended confirmed');
    },
  ],
  [
    'inbox-complete',
    'changed lamp',
    'analytics has not heard of a product',
    ({ messaging }) => {
      messaging.analytics.inbox.delete('changed lamp');
    },
  ],
  [
    'no-dead-letters',
    'dead',
    'an event was set aside',
    ({ messaging }) => {
      messaging.inventory.inbox.delete('created short');
      messaging.inventory.deadLetters.push({
        deadLetterId: 'dead',
        eventId: 'created short',
        subject: 'shop.order.v1.OrderCreated',
        error: 'no',
      });
    },
  ],
];
