import { describe, expect, it } from 'vitest';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';
import { cleanFacts, draftCleanFacts } from '../../support/invariants/clean-facts.ts';
import { type Facts, HANDLED_EVENTS } from '../../support/invariants/facts.ts';
import { INVARIANT_NAMES, judgeInvariants } from '../../support/invariants/judge.ts';
import { listViolations, renderVerdicts } from '../../support/invariants/table.ts';
import { MONEY, of, productOf, QUIESCENCE, removeEvents, STOCK } from '../../support/invariants/violation-examples.ts';
import { EVENTS } from '../../support/invariants/violation-examples-events.ts';
import { ORDERS } from '../../support/invariants/violation-examples-orders.ts';
import { SALES } from '../../support/invariants/violation-examples-sales.ts';

const EXAMPLES = [...QUIESCENCE, ...MONEY, ...STOCK, ...ORDERS, ...SALES, ...EVENTS];

describe('judging the invariants', () => {
  it('finds that every invariant holds in clean facts', () => {
    const verdicts = judgeInvariants(cleanFacts());

    expect(listViolations(verdicts)).toEqual([]);
    expect(verdicts.map(({ state }) => state)).toEqual(INVARIANT_NAMES.map(() => 'holds'));
  });

  it.each(EXAMPLES)('finds %s violated by %s: %s', (name, id, _description, violate) => {
    const facts = draftCleanFacts();
    violate(facts);

    const violated = judgeInvariants(facts as Facts).filter(({ state }) => state !== 'holds');

    expect(violated.map((verdict) => verdict.name)).toEqual([name]);
    expect(violated[0]?.violations.map((violation) => violation.id)).toContain(id);
  });

  it('has an example of a violation for every invariant', () => {
    const violated = new Set(EXAMPLES.map(([name]) => name));

    expect([...violated].toSorted()).toEqual([...INVARIANT_NAMES].toSorted());
  });

  it('finds an unrefunded charge of a cancelled order twice: as money captured and as a charge held', () => {
    const facts = draftCleanFacts();
    of(facts.ledger, 'cancelled').refunded = 0n;

    const violated = judgeInvariants(facts as Facts).filter(({ state }) => state !== 'holds');

    expect(violated.map(({ name }) => name)).toEqual(['money-captured', 'nothing-held']);
  });

  it('expects no PaymentCompleted of a charge that was captured and refunded before payment learned of either', () => {
    const facts = draftCleanFacts();
    removeEvents(facts, 'payment', 'payment.v1.PaymentCompleted of cancelled');

    expect(listViolations(judgeInvariants(facts as Facts))).toEqual([]);
  });

  it('lists at most twenty violations and counts all', () => {
    const facts = draftCleanFacts();
    for (let index = 0; index < 25; index += 1)
      facts.keys.push({ idempotencyKey: `${index}`, orderId: `ghost-${index}` });

    const verdict = judgeInvariants(facts as Facts).find(({ name }) => name === 'one-order-per-key');

    expect(verdict?.violations).toHaveLength(20);
    expect(verdict?.violationCount).toBe(25);
    expect(renderVerdicts([verdict!])).toContain('and 5 more');
  });

  it('is unknown for money without a ledger and for mails without a mailbox', () => {
    const verdicts = judgeInvariants({ ...cleanFacts(), ledger: undefined, mailbox: undefined });

    expect(verdicts.filter(({ state }) => state === 'unknown').map(({ name }) => name)).toEqual([
      'money-captured',
      'mailed-once',
    ]);
    expect(listViolations(verdicts)).toEqual([]);
  });

  it('does not report events, mails and keys as missing that were pruned for their age', () => {
    const facts = draftCleanFacts();
    const later = new Date('2026-04-01T12:00:00.000Z');
    for (const stream of facts.streams) Object.assign(stream, { events: [], since: later });
    Object.assign(facts.mailbox!, { mails: [], since: later });
    Object.assign(facts, { keys: [], keysSince: later });

    expect(listViolations(judgeInvariants(facts as Facts))).toEqual([]);
  });

  it('reports every event as missing when its stream does not exist', () => {
    const facts = cleanFacts();

    const violated = judgeInvariants({
      ...facts,
      streams: facts.streams.filter(({ producer }) => producer !== 'order'),
    })
      .filter(({ state }) => state === 'violated')
      .map(({ name }) => name);

    expect(violated).toEqual(['order-events', 'outbox-delivered']);
  });

  it('lists every event that a service handles', () => {
    const handled = (subscriptions: readonly Subscription[]) =>
      Object.fromEntries(
        subscriptions.map(({ producer, handlers }) => [producer, handlers.map(({ subject }) => subject)]),
      );

    expect(HANDLED_EVENTS).toEqual({
      order: handled(createOrderSubscriptions(() => undefined)),
      inventory: handled(createInventorySubscriptions({} as InventoryDependencies)),
      payment: {},
      notification: handled(createNotificationSubscriptions(() => undefined)),
      analytics: handled(createAnalyticsSubscriptions(() => undefined)),
    });
  });
});

describe('the table of verdicts', () => {
  it('shows for every invariant how much it compared', () => {
    const rows = renderVerdicts(judgeInvariants(cleanFacts())).split('\n').slice(1, -2);

    expect(Object.fromEntries(rows.map((row) => row.trim().split(/ +holds +/)))).toEqual({
      quiescent: 'checks 1, unfinished 0',
      'money-captured':
        'confirmed orders 2, cost 10.00 EUR + 7.00 USD, charges in the ledger 5, captured 10.00 EUR + 7.00 USD',
      'charged-once': 'confirmed orders 2, completed charges 2',
      'stock-sound': 'products 3, on hand 308, reserved 0, available 308',
      'stock-reserved': 'products 3, reserved 0, open reservations 0',
      'stock-sold': 'products 3, sold 7, sold orders 3',
      'stock-conserved': 'products with known opening stock 3, of products 3, adjusted 15',
      'stock-confirmed': 'sold orders 3, confirmed reservations 3',
      'nothing-held': 'failed orders 2, cancelled orders 1, refunded orders 1',
      'nothing-orphaned': 'orders 7, reservations 6, charges 5, charges in the ledger 5, notifications 4',
      'notified-once': 'sold orders 3, sent notifications 3',
      'mailed-once': 'sold orders 3, mails 5, Message-IDs 3',
      'no-stray-mail': 'notifications 4, mails 5, unrelated mails 0',
      'synthetic-untouched': 'synthetic orders 1',
      'one-order-per-key': 'orders 7, keys 7',
      'answers-durable': 'answers 7, orders 7',
      'sales-exact':
        'sold orders 3, cost 20.00 EUR + 7.00 USD, counted sales 3, revenue 20.00 EUR + 7.00 USD, refunds 10.00 EUR',
      'sales-steps': 'steps published 32, orders counted 7',
      'sales-sums': 'orders summed 7, wrong sums 0',
      'events-distinct': 'SHOP_ORDER 15, SHOP_INVENTORY 11, SHOP_PAYMENT 7, SHOP_NOTIFICATION 3',
      'order-events': 'orders 7, created 7, ended 8',
      'changes-published': 'events expected 16, published 18',
      'outbox-delivered': 'order sent 15, inventory sent 11, payment sent 7, notification sent 3, analytics sent 0',
      'inbox-complete':
        'inventory to order 3, payment to order 0, order to inventory 7, order to notification 4, order to analytics 15, inventory to analytics 11, payment to analytics 7, notification to analytics 3',
      'no-dead-letters': 'order 0, inventory 0, payment 0, notification 0, analytics 0',
    });
  });

  it('shows the compared quantities, the promise and its violations', () => {
    const facts = draftCleanFacts();
    productOf(facts, 'lamp').onHand += 1;
    const verdicts = judgeInvariants(facts as Facts).filter(
      ({ name }) => name.startsWith('stock-s') || name === 'stock-conserved',
    );

    expect(renderVerdicts(verdicts).split('\n')).toEqual([
      '  invariant                  compared',
      '  stock-sound      holds     products 3, on hand 309, reserved 0, available 309',
      '  stock-sold       holds     products 3, sold 7, sold orders 3',
      '  stock-conserved  VIOLATED  products with known opening stock 3, of products 3, adjusted 15',
      '      promised: on hand + sold = opening stock + adjustments',
      '      - lamp  opening 100 and adjusted 5, but on hand 103 and sold 3',
      '',
      '  3 invariants: 2 hold, 1 violated.',
    ]);
  });
});
