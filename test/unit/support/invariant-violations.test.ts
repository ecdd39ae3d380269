// Facts that violate more than one invariant, or one in more than one place: every line of the report.
import { describe, expect, it } from 'vitest';
import { draftCleanFacts, eventOf } from '../../support/invariants/clean-facts.ts';
import type { Facts, OrderFact } from '../../support/invariants/facts.ts';
import { judgeInvariants } from '../../support/invariants/judge.ts';
import { listViolations } from '../../support/invariants/table.ts';
import {
  type DraftFacts,
  markApplied,
  of,
  productOf,
  removeEvents,
  streamOf,
} from '../../support/invariants/violation-examples.ts';

function violationsOf(violate: (facts: DraftFacts) => void): string[] {
  const facts = draftCleanFacts();
  violate(facts);
  return listViolations(judgeInvariants(facts as Facts));
}

/** Adds an order that is still pending, with all that belongs to it. */
function addPendingOrder(facts: DraftFacts, orderId: string): void {
  const order: OrderFact = { ...of(facts.orders, 'declined'), orderId, status: 'PENDING', version: 1 };
  facts.orders.push({ ...order, items: [] });
  facts.keys.push({ idempotencyKey: `key of ${orderId}`, orderId });
  facts.sales.push({ orderId, steps: ['CREATED'], synthetic: false, total: undefined, refund: undefined, items: [] });
  const { customerId, total } = order;
  streamOf(facts, 'order').events.push(
    eventOf(`created ${orderId}`, 'shop.order.v1.OrderCreated', { orderId, customerId, total }),
  );
  markApplied(facts, `created ${orderId}`);
}

function addDeadLetter({ messaging }: DraftFacts, eventId: string): void {
  messaging.inventory.deadLetters.push({ deadLetterId: 'dead', eventId, subject: 'shop.order.v1.Other', error: 'no' });
}

/** Removes the events, mails and keys from before a time. */
function prune(facts: DraftFacts, since: Date): void {
  for (const stream of facts.streams) Object.assign(stream, { events: [], since });
  Object.assign(facts, { mailbox: { mails: [], unrelated: 0, since }, keys: [], keysSince: since, acknowledged: [] });
}

const LATER = new Date('2026-04-01T12:00:00.000Z');

type Case = { what: string; violate: (facts: DraftFacts) => void; violations: string[] };

describe('the report of violations', () => {
  it.each<Case>([
    {
      what: 'a cancelled order whose money was not refunded',
      violate: ({ ledger }) => {
        of(ledger, 'cancelled').refunded = 0n;
      },
      violations: [
        'money-captured: EUR 20.00 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: cancelled 10.00 EUR captured, nothing due',
        'nothing-held: cancelled CANCELLED, but the provider keeps charge charge of cancelled',
      ],
    },
    {
      what: 'a refunded order whose money was not refunded',
      violate: (facts) => {
        of(facts.ledger, 'refunded').refunded = 0n;
        of(facts.charges, 'refunded').status = 'COMPLETED';
        removeEvents(facts, 'payment', 'payment.v1.PaymentRefunded of refunded');
      },
      violations: [
        'money-captured: EUR 20.00 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: refunded 10.00 EUR captured, nothing due',
        'nothing-held: refunded REFUNDED, but payment has its charge as COMPLETED',
        'nothing-held: refunded REFUNDED, but the provider keeps charge charge of refunded',
      ],
    },
    {
      what: 'a pending order, which keeps money though nothing is due yet',
      violate: (facts) => {
        addPendingOrder(facts, 'open');
        facts.ledger!.push({ ...of(facts.ledger, 'confirmed'), orderId: 'open' });
      },
      violations: [
        'money-captured: EUR 20.00 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: open 10.00 EUR captured, nothing due',
      ],
    },
    {
      what: 'an order that does not exist, but keeps money',
      violate: ({ ledger }) => {
        ledger!.push({ ...of(ledger, 'confirmed'), orderId: 'ghost' });
      },
      violations: [
        'money-captured: EUR 20.00 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: ghost 10.00 EUR captured, nothing due',
        'nothing-orphaned: ghost has a charge at the provider, but no order',
      ],
    },
    {
      what: 'money captured in a currency in which nothing is due',
      violate: ({ ledger }) => {
        of(ledger, 'confirmed').amount.currencyCode = 'CHF';
      },
      violations: [
        'money-captured: CHF 10.00 CHF captured, confirmed orders cost 0.00 CHF',
        'money-captured: EUR 0.00 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: confirmed 10.00 CHF captured, 10.00 EUR due',
      ],
    },
    {
      what: 'the money of one order kept for another: the sum is right',
      violate: ({ ledger }) => {
        of(ledger, 'declined').status = 'captured';
        of(ledger, 'confirmed').status = 'declined';
      },
      violations: [
        'money-captured: confirmed nothing captured, 10.00 EUR due',
        'money-captured: declined 10.00 EUR captured, nothing due',
        'charged-once: confirmed the provider keeps 0 charges',
        'nothing-held: declined FAILED, but the provider keeps charge charge of declined',
      ],
    },
    {
      what: 'a pending charge at the provider, which has captured nothing yet',
      violate: ({ ledger }) => {
        of(ledger, 'confirmed-in-dollars').status = 'pending';
      },
      violations: [
        'money-captured: USD 0.00 USD captured, confirmed orders cost 7.00 USD',
        'money-captured: confirmed-in-dollars nothing captured, 7.00 USD due',
        'charged-once: confirmed-in-dollars the provider keeps 0 charges',
      ],
    },
    {
      what: 'a confirmed order of which the provider knows nothing',
      violate: (facts) => {
        facts.ledger = facts.ledger!.filter(({ orderId }) => orderId !== 'confirmed-in-dollars');
      },
      violations: [
        'money-captured: USD 0.00 USD captured, confirmed orders cost 7.00 USD',
        'money-captured: confirmed-in-dollars nothing captured, 7.00 USD due',
        'charged-once: confirmed-in-dollars the provider keeps 0 charges',
      ],
    },
    {
      what: 'a completed charge without an amount',
      violate: ({ charges }) => {
        of(charges, 'confirmed').amount = undefined;
      },
      violations: ['charged-once: confirmed payment has another amount'],
    },
    {
      what: 'more refunded than captured',
      violate: ({ ledger }) => {
        of(ledger, 'cancelled').refunded += 1n;
      },
      violations: [
        'money-captured: EUR 9.99 EUR captured, confirmed orders cost 10.00 EUR',
        'money-captured: cancelled -0.01 EUR captured, nothing due',
      ],
    },
    {
      what: 'a confirmed order of which payment knows nothing',
      violate: (facts) => {
        facts.charges = facts.charges.filter(({ orderId }) => orderId !== 'confirmed');
      },
      violations: ['charged-once: confirmed payment has its charge as unknown'],
    },
    {
      what: 'a negative number of sold units',
      violate: (facts) => {
        Object.assign(productOf(facts, 'test'), { sold: -1, onHand: 106 });
      },
      violations: [
        'stock-sound: test on hand 106, reserved 0, available 106, sold -1',
        'stock-sold: test sold -1, confirmed and refunded orders have 0',
      ],
    },
    {
      what: 'a negative number of reserved units',
      violate: (facts) => {
        productOf(facts, 'test').reserved = -1;
      },
      violations: [
        'stock-sound: test on hand 105, reserved -1, available 106, sold 0',
        'stock-reserved: test reserved -1, open reservations hold 0',
      ],
    },
    {
      what: 'a confirmed order without a reservation',
      violate: (facts) => {
        facts.reservations = facts.reservations.filter(({ orderId }) => orderId !== 'confirmed');
      },
      violations: ['stock-confirmed: confirmed its reservation is unknown'],
    },
    {
      what: 'products of which no change, and not every change, was published',
      violate: (facts) => {
        const stream = streamOf(facts, 'inventory');
        stream.events = stream.events.filter(({ id }) => id !== 'changed mug');
        facts.messaging.inventory.sent = [];
        productOf(facts, 'lamp').version = 2;
      },
      violations: [
        'changes-published: lamp has version 2, published were: 1',
        'changes-published: mug has version 1, published were: none',
      ],
    },
    {
      what: "an event that one service has not applied, beside another service's dead letter of it",
      violate: (facts) => {
        facts.messaging.analytics.inbox.delete('created short');
        facts.messaging.inventory.inbox.delete('created short');
        addDeadLetter(facts, 'created short');
      },
      violations: [
        'inbox-complete: created short analytics has not applied this shop.order.v1.OrderCreated',
        'no-dead-letters: dead inventory could not apply shop.order.v1.Other: no',
      ],
    },
    {
      what: 'an event that a service has not applied, beside its dead letter of another event',
      violate: (facts) => {
        facts.messaging.inventory.inbox.delete('created declined');
        addDeadLetter(facts, 'created short');
      },
      violations: [
        'inbox-complete: created declined inventory has not applied this shop.order.v1.OrderCreated',
        'no-dead-letters: dead inventory could not apply shop.order.v1.Other: no',
      ],
    },
    {
      what: 'an event that no service has applied',
      violate: ({ messaging }) => {
        for (const { inbox } of Object.values(messaging)) inbox.delete('ended confirmed');
      },
      violations: ['notification', 'analytics'].map(
        (service) => `inbox-complete: ended confirmed ${service} has not applied this shop.order.v1.OrderConfirmed`,
      ),
    },
    {
      what: 'an old order that analytics counts with another total',
      violate: (facts) => {
        prune(facts, LATER);
        of(facts.sales, 'confirmed').total!.minorUnits = 1n;
      },
      violations: ['sales-exact: confirmed is counted with another total'],
    },
    {
      what: 'orders with no events, two ends and no end',
      violate: (facts) => {
        const stream = streamOf(facts, 'order');
        const ended = stream.events.find(({ id }) => id === 'ended confirmed')!;
        stream.events.push({ ...ended, id: 'again', subject: 'shop.order.v1.OrderFailed' });
        stream.events = stream.events.filter(({ id }) => id !== 'created short' && id !== 'ended short');
        facts.messaging.order.sent = [];
        of(facts.sales, 'confirmed').steps.push('FAILED');
        markApplied(facts, 'again');
      },
      violations: [
        'order-events: confirmed is CONFIRMED, its end events are: OrderConfirmed, OrderFailed',
        'order-events: short has 0 OrderCreated',
        'order-events: short is FAILED, its end events are: none',
      ],
    },
    {
      what: 'a pending order whose end was published',
      violate: (facts) => {
        addPendingOrder(facts, 'open');
        const { customerId, total } = of(facts.orders, 'open');
        streamOf(facts, 'order').events.push(
          eventOf('ended open', 'shop.order.v1.OrderFailed', { orderId: 'open', customerId, total, version: 2 }),
        );
        of(facts.sales, 'open').steps.push('FAILED');
        markApplied(facts, 'ended open');
      },
      violations: [
        'order-events: open is PENDING, its end events are: OrderFailed',
        'order-events: open has version 1, its shop.order.v1.OrderFailed version 2',
      ],
    },
  ])('names everything that is wrong with $what', ({ violate, violations }) => {
    expect(violationsOf(violate)).toEqual(violations);
  });

  it.each<Omit<Case, 'violations'>>([
    { what: 'an order that is still pending', violate: (facts) => addPendingOrder(facts, 'open') },
    {
      what: 'a rejection that was released',
      violate: ({ reservations }) => {
        of(reservations, 'short').state = 'RELEASED';
      },
    },
    {
      what: 'a tombstone in the place of a reservation',
      violate: (facts) => {
        Object.assign(of(facts.reservations, 'short'), { state: 'RELEASED', lines: [], short: false });
        removeEvents(facts, 'inventory', 'inventory.v1.InsufficientStock of short');
      },
    },
    {
      what: 'a tombstone in the place of a charge',
      violate: ({ charges }) => {
        const tombstone = { status: 'REFUNDED', transactionId: '', amount: undefined } as const;
        charges.push({ ...of(charges, 'declined'), orderId: 'short', ...tombstone });
      },
    },
    {
      what: 'a declined charge beside the captured one',
      violate: ({ ledger }) => {
        ledger!.push({ ...of(ledger, 'confirmed'), chargeId: 'first attempt', status: 'declined' });
      },
    },
    {
      what: 'answers without an outcome, before the orders ended',
      violate: ({ acknowledged }) => {
        acknowledged.push(
          ...acknowledged.map((answer) => ({ ...answer, status: 'PENDING' as const, outcome: 'TIMEOUT' })),
        );
      },
    },
    {
      what: 'a refunded order that was answered with REFUNDED',
      violate: ({ acknowledged }) => {
        of(acknowledged, 'refunded').status = 'REFUNDED';
      },
    },
    {
      what: 'a cancelled order that was answered with CANCELLED and FAILED',
      violate: ({ acknowledged }) => {
        Object.assign(of(acknowledged, 'cancelled'), { status: 'CANCELLED', outcome: 'FAILED' });
      },
    },
    {
      what: 'a product whose opening stock is not known',
      violate: (facts) => {
        Object.assign(productOf(facts, 'lamp'), { opening: undefined, adjusted: 0 });
      },
    },
    {
      what: 'versions of a product that are in whatever order',
      violate: (facts) => {
        productOf(facts, 'lamp').version = 3;
        for (const version of [3, 2]) {
          const changed = eventOf(`lamp ${version}`, 'shop.inventory.v1.ProductChanged', {
            productId: 'lamp',
            version,
          });
          streamOf(facts, 'inventory').events.unshift(changed);
          markApplied(facts, changed.id);
        }
      },
    },
    {
      what: 'changes of a product that are no longer stored',
      violate: (facts) => {
        productOf(facts, 'lamp').version = 9;
        streamOf(facts, 'inventory').since = new Date(0);
      },
    },
    {
      what: 'an old order that analytics may never have received',
      violate: (facts) => {
        prune(facts, LATER);
        facts.sales = facts.sales.filter(({ orderId }) => orderId !== 'confirmed');
      },
    },
    {
      what: 'the lines of a reservation in another order, and split',
      violate: ({ reservations, sales }) => {
        of(reservations, 'confirmed-in-dollars').lines.reverse();
        of(sales, 'confirmed').items = Array(2).fill({ productId: 'lamp', quantity: 1 });
      },
    },
  ])('is empty for $what', ({ violate }) => {
    expect(violationsOf(violate)).toEqual([]);
  });

  it('holds what is as old as the oldest stored event to it, and nothing older', () => {
    const changeOf = (since: Date) => violationsOf((facts) => prune(facts, since));
    const { createTime } = of(draftCleanFacts().orders, 'confirmed');
    const names = changeOf(createTime).map((line) => line.slice(0, line.indexOf(':')));

    expect([...new Set(names)]).toEqual([
      'mailed-once',
      'one-order-per-key',
      'order-events',
      'changes-published',
      'outbox-delivered',
    ]);
    expect(changeOf(new Date(createTime.getTime() + 1))).toEqual([]);
  });
});
