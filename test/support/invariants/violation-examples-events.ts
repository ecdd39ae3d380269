// Examples of violations in events.
import { type Draft, eventOf } from './clean-facts.ts';
import type { EventFact } from './facts.ts';
import {
  addEvent,
  type DraftFacts,
  euros,
  markApplied,
  of,
  productOf,
  removeEvents,
  streamOf,
  type ViolationExample,
} from './violation-examples.ts';

const orderEvent = (facts: DraftFacts, eventId: string): Draft<EventFact> =>
  streamOf(facts, 'order').events.find(({ id }) => id === eventId)!;

export const EVENTS: ViolationExample[] = [
  [
    'events-distinct',
    'duplicate',
    'an event is in its stream twice',
    (facts) => {
      const event = { id: 'duplicate', subject: 'shop.order.v1.Other', sequence: 7, body: undefined };
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
    'OrderCreated was lost',
    (facts) => {
      removeEvents(facts, 'order', 'created short');
    },
  ],
  [
    'order-events',
    'short',
    'OrderFailed was lost',
    (facts) => {
      removeEvents(facts, 'order', 'ended short');
    },
  ],
  [
    'order-events',
    'confirmed',
    'an order was confirmed twice',
    (facts) => {
      streamOf(facts, 'order').events.push({ ...orderEvent(facts, 'ended confirmed'), id: 'again' });
      markApplied(facts, 'again');
    },
  ],
  [
    'order-events',
    'refunded',
    'OrderRefunded was lost',
    (facts) => {
      removeEvents(facts, 'order', 'refunded refunded');
    },
  ],
  [
    'order-events',
    'refunded',
    'OrderConfirmed of a refunded order was lost',
    (facts) => {
      removeEvents(facts, 'order', 'ended refunded');
    },
  ],
  [
    'order-events',
    'refunded',
    'a refund was published with an earlier version than the confirmation',
    (facts) => {
      orderEvent(facts, 'ended refunded').body!.version = 4;
    },
  ],
  [
    'order-events',
    'short',
    'an order was created twice',
    (facts) => {
      streamOf(facts, 'order').events.push({ ...orderEvent(facts, 'created short'), id: 'again' });
      markApplied(facts, 'again');
    },
  ],
  [
    'order-events',
    'cancelled',
    'a cancelled order was published as failed',
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
    'confirmed',
    'the confirmation has an earlier version than the last',
    (facts) => {
      of(facts.orders, 'confirmed').version = 3;
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
    'an event has another customer',
    (facts) => {
      orderEvent(facts, 'created confirmed').body!.customerId = 'another';
    },
  ],
  [
    'order-events',
    'declined',
    'an event has another total',
    (facts) => {
      orderEvent(facts, 'ended declined').body!.total = euros(1n);
    },
  ],
  [
    'order-events',
    'declined',
    'an event has no total',
    (facts) => {
      orderEvent(facts, 'ended declined').body!.total = undefined;
    },
  ],
  [
    'order-events',
    'ghost',
    'an event is about an order that does not exist',
    (facts) => {
      addEvent(facts, 'order', 'OrderCreated', 'ghost');
    },
  ],
  [
    'changes-published',
    'confirmed',
    'a reservation was not published',
    (facts) => {
      removeEvents(facts, 'inventory', 'inventory.v1.StockReserved of confirmed');
    },
  ],
  [
    'changes-published',
    'short',
    'a rejection was not published',
    (facts) => {
      removeEvents(facts, 'inventory', 'inventory.v1.InsufficientStock of short');
    },
  ],
  [
    'changes-published',
    'cancelled',
    'a release was not published',
    (facts) => {
      removeEvents(facts, 'inventory', 'inventory.v1.StockReleased of cancelled');
    },
  ],
  [
    'changes-published',
    'declined',
    'a decline was not published',
    (facts) => {
      removeEvents(facts, 'payment', 'payment.v1.PaymentFailed of declined');
    },
  ],
  [
    'changes-published',
    'confirmed',
    'a payment was not published',
    (facts) => {
      removeEvents(facts, 'payment', 'payment.v1.PaymentCompleted of confirmed');
    },
  ],
  [
    'changes-published',
    'cancelled',
    'a refund was not published',
    (facts) => {
      removeEvents(facts, 'payment', 'payment.v1.PaymentRefunded of cancelled');
    },
  ],
  [
    'changes-published',
    'notification of confirmed',
    'a sent mail was not published',
    (facts) => {
      removeEvents(facts, 'notification', 'sent notification of confirmed');
    },
  ],
  [
    'changes-published',
    'lamp',
    'one change of a product was published twice, another not at all',
    (facts) => {
      productOf(facts, 'lamp').version = 2;
      streamOf(facts, 'inventory').events.push(
        eventOf('again', 'shop.inventory.v1.ProductChanged', { productId: 'lamp' }),
      );
      markApplied(facts, 'again');
    },
  ],
  [
    'changes-published',
    'cancelled',
    'a refund was published twice',
    (facts) => {
      addEvent(facts, 'payment', 'PaymentRefunded', 'cancelled');
    },
  ],
  [
    'changes-published',
    'confirmed',
    'a refund was published that was never made',
    (facts) => {
      addEvent(facts, 'payment', 'PaymentRefunded', 'confirmed');
    },
  ],
  [
    'changes-published',
    'declined',
    'a payment was published that was declined',
    (facts) => {
      addEvent(facts, 'payment', 'PaymentCompleted', 'declined');
    },
  ],
  [
    'changes-published',
    'confirmed',
    'a release was published of a reservation that is confirmed',
    (facts) => {
      addEvent(facts, 'inventory', 'StockReleased', 'confirmed');
    },
  ],
  [
    'changes-published',
    'confirmed',
    'a reservation was published as short',
    (facts) => {
      addEvent(facts, 'inventory', 'InsufficientStock', 'confirmed');
    },
  ],
  [
    'changes-published',
    'cancelled',
    'a refunded payment was published twice',
    (facts) => {
      addEvent(facts, 'payment', 'PaymentCompleted', 'cancelled');
    },
  ],
  [
    'changes-published',
    'lamp',
    'a change of a product was not published',
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
    'outbox-delivered',
    'created short',
    'an event is in the stream under another subject than it was sent with',
    ({ messaging }) => {
      messaging.order.sent.find(({ eventId }) => eventId === 'created short')!.subject = 'shop.order.v1.OrderFailed';
    },
  ],
  [
    'outbox-delivered',
    'created short',
    "an event is in another producer's stream",
    ({ messaging }) => {
      const subject = 'shop.order.v1.OrderCreated';
      messaging.payment.sent.push({ eventId: 'created short', subject, sentTime: new Date() });
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
    'analytics has not applied a change of a product',
    ({ messaging }) => {
      messaging.analytics.inbox.delete('changed lamp');
    },
  ],
  [
    'no-dead-letters',
    'dead',
    'an event is a dead letter',
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
