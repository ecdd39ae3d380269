// What each transition of an order leaves in its timeline, and what each ending owes.
import { expect, it } from 'vitest';
import {
  decideCancel,
  decideConfirm,
  decideFail,
  EVERYTHING_OWED,
  markConfirmed,
  markPaid,
  markRefunded,
  markReleased,
  markReserved,
  NOTHING_OWED,
  type Order,
  recordStep,
} from '#services/order/order.ts';
import {
  blockedOrder,
  cancelledOrder,
  confirmingOrder,
  paidOrder,
  pendingOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';

const now = secondsLater(60);

it.each<readonly [transition: string, before: () => Order, after: (order: Order) => Order, entries: readonly string[]]>(
  [
    ['a reservation', pendingOrder, (order) => markReserved(order, 'res1', now), ['RESERVE_STOCK DONE']],
    ['a payment', pendingOrder, (order) => markPaid(order, 'ch_1', now), ['PROCESS_PAYMENT DONE']],
    ['the verdict CONFIRM', paidOrder, (order) => decideConfirm(order, now), ['DECIDE DONE CONFIRM']],
    [
      'the verdict FAIL',
      blockedOrder,
      (order) => decideFail(order, 'PAYMENT_FAILED', NOTHING_OWED, now),
      ['DECIDE DONE FAIL PAYMENT_FAILED', 'FINISH DONE FAILED'],
    ],
    [
      'the verdict CANCEL',
      paidOrder,
      (order) => decideCancel(order, now),
      ['DECIDE DONE CANCEL', 'FINISH DONE CANCELLED'],
    ],
    [
      'the confirmation',
      confirmingOrder,
      (order) => markConfirmed(order, now),
      ['CONFIRM_RESERVATION DONE', 'FINISH DONE CONFIRMED'],
    ],
    ['a release', cancelledOrder, (order) => markReleased(order, now), ['RELEASE_RESERVATION DONE']],
    ['a refund', cancelledOrder, (order) => markRefunded(order, now), ['REFUND_PAYMENT DONE']],
  ],
)('%s adds its entries to the timeline', (_, build, after, entries) => {
  const before = build();
  const added = after(before).timeline.slice(before.timeline.length);

  expect(added.map(({ step, state, detail }) => [step, state, detail].join(' ').trim())).toEqual(entries);
  expect(added.map(({ time }) => time)).toEqual(entries.map(() => now));
});

it('what another system said is stored as text that can be stored and shown', () => {
  const blocked = recordStep(pendingOrder(), 'PROCESS_PAYMENT', 'RETRYING', now, `bad\u0000card ${'x'.repeat(1_000)}`);

  expect(blocked.timeline.at(-1)?.detail).toMatch(/^bad\ufffdcard x{490}…$/);
});

it('an ending owes nothing or both compensations', () => {
  expect([NOTHING_OWED, EVERYTHING_OWED]).toEqual([
    { release: false, refund: false },
    { release: true, refund: true },
  ]);
});
