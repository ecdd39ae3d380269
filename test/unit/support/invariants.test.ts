import { describe, expect, it } from 'vitest';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';
import { cleanFacts, draftCleanFacts } from '../../support/invariants/builder.ts';
import { type Facts, HANDLED } from '../../support/invariants/facts.ts';
import { INVARIANT_NAMES, judgeInvariants } from '../../support/invariants/judge.ts';
import { MONEY, of, productOf, REST, STOCK, untell } from '../../support/invariants/planted.ts';
import { EVENTS } from '../../support/invariants/planted-events.ts';
import { ORDERS } from '../../support/invariants/planted-orders.ts';
import { SALES } from '../../support/invariants/planted-sales.ts';
import { listViolations, renderVerdicts } from '../../support/invariants/table.ts';

const PLANTED = [...REST, ...MONEY, ...STOCK, ...ORDERS, ...SALES, ...EVENTS];

describe('judging the invariants', () => {
  it('finds that all of them hold where every promise is kept', () => {
    const verdicts = judgeInvariants(cleanFacts());

    expect(listViolations(verdicts)).toEqual([]);
    expect(verdicts.map(({ state }) => state)).toEqual(INVARIANT_NAMES.map(() => 'holds'));
  });

  it.each(PLANTED)('names %s, with %s, where %s', (name, id, _how, plant) => {
    const facts = draftCleanFacts();
    plant(facts);

    const violated = judgeInvariants(facts as Facts).filter(({ state }) => state !== 'holds');

    expect(violated.map((verdict) => verdict.name)).toEqual([name]);
    expect(violated[0]?.violations.map((violation) => violation.id)).toContain(id);
  });

  it('has a violation of each invariant among those planted here', () => {
    const planted = new Set(PLANTED.map(([name]) => name));

    expect([...planted].toSorted()).toEqual([...INVARIANT_NAMES].toSorted());
  });

  it('finds in a charge that a cancelled order did not get back both too much money and something held', () => {
    const facts = draftCleanFacts();
    of(facts.ledger, 'cancelled').refunded = 0n;

    const violated = judgeInvariants(facts as Facts).filter(({ state }) => state !== 'holds');

    expect(violated.map(({ name }) => name)).toEqual(['money-captured', 'nothing-held']);
  });

  it('expects no completed event of a charge that was captured and refunded before payment learned of either', () => {
    const facts = draftCleanFacts();
    untell(facts, 'payment', 'payment.v1.PaymentCompleted of cancelled');

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

  it('reports the invariants of money and mails as unknown without a ledger and a mailbox', () => {
    const verdicts = judgeInvariants({ ...cleanFacts(), ledger: undefined, mailbox: undefined });

    expect(verdicts.filter(({ state }) => state === 'unknown').map(({ name }) => name)).toEqual([
      'money-captured',
      'mailed-once',
    ]);
    expect(listViolations(verdicts)).toEqual([]);
  });

  it('misses nothing that streams, mailbox and keys have let go of for their age', () => {
    const facts = draftCleanFacts();
    const later = new Date('2026-04-01T12:00:00.000Z');
    for (const stream of facts.streams) Object.assign(stream, { events: [], since: later });
    Object.assign(facts.mailbox!, { mails: [], since: later });
    Object.assign(facts, { keys: [], keysSince: later });

    expect(listViolations(judgeInvariants(facts as Facts))).toEqual([]);
  });

  it('misses everything when a stream is not there at all', () => {
    const facts = cleanFacts();

    const violated = judgeInvariants({
      ...facts,
      streams: facts.streams.filter(({ producer }) => producer !== 'order'),
    })
      .filter(({ state }) => state === 'violated')
      .map(({ name }) => name);

    expect(violated).toEqual(['order-events', 'outbox-delivered']);
  });

  it('knows every event that a service applies', () => {
    const handled = (subscriptions: readonly Subscription[]) =>
      Object.fromEntries(
        subscriptions.map(({ producer, handlers }) => [producer, handlers.map(({ subject }) => subject)]),
      );

    expect(HANDLED).toEqual({
      order: handled(createOrderSubscriptions(() => undefined)),
      inventory: handled(createInventorySubscriptions({} as InventoryDependencies)),
      payment: {},
      notification: handled(createNotificationSubscriptions(() => undefined)),
      analytics: handled(createAnalyticsSubscriptions(() => undefined)),
    });
  });
});

describe('the table of verdicts', () => {
  it('tells what was compared, what is promised and what violates it', () => {
    const facts = draftCleanFacts();
    productOf(facts, 'lamp').onHand += 1;
    const verdicts = judgeInvariants(facts as Facts).filter(
      ({ name }) => name.startsWith('stock-s') || name === 'stock-conserved',
    );

    expect(renderVerdicts(verdicts).split('\n')).toEqual([
      '  invariant                  compared',
      '  stock-sound      holds     products 3, on hand 310, reserved 0, available 310',
      '  stock-sold       holds     products 3, sold 6, confirmed orders 2',
      '  stock-conserved  VIOLATED  products with known opening stock 3, of products 3, adjusted 15',
      '      promised: on hand and sold together are the opening stock and every adjustment of it',
      '      - lamp  opening 100 and adjusted 5, but on hand 103 and sold 3',
      '',
      '  3 invariants: 2 hold, 1 violated.',
    ]);
  });
});
