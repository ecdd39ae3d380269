import { describe, expect, it } from 'vitest';
import {
  acceptOrder,
  decideCancel,
  decideConfirm,
  decideFail,
  EVERYTHING_OWED,
  isOpen,
  isOverdue,
  markBlocked,
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
  ACCEPTED_AT,
  blockedOrder,
  cancelledOrder,
  confirmedOrder,
  confirmingOrder,
  failedOrder,
  paidOrder,
  pendingOrder,
  refundedOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';

/** The timeline in short: `STEP STATE`. */
function stepsOf(order: Order): string[] {
  return order.timeline.map(({ step, state }) => `${step} ${state}`);
}

describe('an accepted order', () => {
  it('is pending, without reason or verdict, and owes nothing', () => {
    expect(pendingOrder()).toMatchObject({
      status: 'PENDING',
      reason: undefined,
      verdict: undefined,
      owed: NOTHING_OWED,
      reservationId: '',
      transactionId: '',
    });
  });

  it('starts at version 1', () => {
    expect(pendingOrder().version).toBe(1);
  });

  it('was created and updated when it was accepted', () => {
    expect(pendingOrder()).toMatchObject({ createTime: ACCEPTED_AT, updateTime: ACCEPTED_AT });
  });

  it('has its creation as the first entry of its timeline', () => {
    expect(pendingOrder().timeline).toEqual([{ step: 'CREATE', state: 'DONE', time: ACCEPTED_AT, detail: '' }]);
  });

  it('keeps what was requested', () => {
    const requested = {
      orderId: 'order-9',
      customerId: 'cust9',
      placedBy: 'guest',
      items: [],
      paymentMethod: 'pm_expired_card',
      total: { currencyCode: 'USD', minorUnits: 1n },
      pricingVersion: 'v1',
      synthetic: true,
    };
    expect(acceptOrder(requested, ACCEPTED_AT)).toMatchObject(requested);
  });
});

describe('progress', () => {
  it('a reservation sets the reservation id and leaves the order undecided', () => {
    const order = markReserved(pendingOrder(), 'res123', secondsLater(1));
    expect(order).toMatchObject({ reservationId: 'res123', status: 'PENDING', verdict: undefined });
  });

  it('a payment sets the transaction id and leaves the order undecided', () => {
    expect(paidOrder()).toMatchObject({ transactionId: 'ch_1', status: 'PENDING', verdict: undefined });
  });

  it('is recorded in the timeline step by step', () => {
    expect(stepsOf(confirmedOrder())).toEqual([
      'CREATE DONE',
      'RESERVE_STOCK DONE',
      'PROCESS_PAYMENT DONE',
      'DECIDE DONE',
      'CONFIRM_RESERVATION DONE',
      'FINISH DONE',
    ]);
  });

  it('every step sets the time of the last update', () => {
    expect(markReserved(pendingOrder(), 'res123', secondsLater(7)).updateTime).toEqual(secondsLater(7));
  });

  it('mutates no order', () => {
    const order = pendingOrder();
    const before = structuredClone(order);
    decideConfirm(markPaid(markReserved(order, 'res123', secondsLater(1)), 'ch_1', secondsLater(2)), secondsLater(3));
    expect(order).toEqual(before);
  });

  it('never changes the version: the store does', () => {
    expect(confirmedOrder().version).toBe(1);
  });
});

describe('the verdict CONFIRM', () => {
  it('leaves the order pending until its reservation is confirmed', () => {
    expect(confirmingOrder()).toMatchObject({ verdict: 'CONFIRM', status: 'PENDING' });
  });

  it('clears the reason the order was blocked for', () => {
    expect(decideConfirm(blockedOrder(), secondsLater(3)).reason).toBeUndefined();
  });

  it('leads to CONFIRMED, with nothing owed', () => {
    expect(confirmedOrder()).toMatchObject({ status: 'CONFIRMED', owed: NOTHING_OWED, reason: undefined });
  });

  it('clears, once confirmed, the reason the last step was blocked for', () => {
    const blocked = markBlocked(confirmingOrder(), 'CONFIRM_RESERVATION', 'INVENTORY_UNAVAILABLE', secondsLater(4), '');
    expect(blocked.reason).toBe('INVENTORY_UNAVAILABLE');
    expect(markConfirmed(blocked, secondsLater(5)).reason).toBeUndefined();
  });
});

describe('the verdict FAIL', () => {
  it('makes the order FAILED immediately, for that reason', () => {
    expect(failedOrder('INVENTORY_ERROR')).toMatchObject({
      verdict: 'FAIL',
      status: 'FAILED',
      reason: 'INVENTORY_ERROR',
    });
  });

  it('owes exactly the given compensation', () => {
    const owed = { release: true, refund: false };
    expect(failedOrder('PAYMENT_FAILED', owed).owed).toEqual(owed);
  });

  it('is recorded in the timeline with its reason, then with the final status', () => {
    expect(failedOrder('PAYMENT_FAILED').timeline.slice(-2)).toEqual([
      { step: 'DECIDE', state: 'DONE', time: secondsLater(3), detail: 'FAIL PAYMENT_FAILED' },
      { step: 'FINISH', state: 'DONE', time: secondsLater(3), detail: 'FAILED' },
    ]);
  });
});

describe('the verdict CANCEL', () => {
  it('makes the order CANCELLED immediately, by the customer', () => {
    expect(cancelledOrder()).toMatchObject({
      verdict: 'CANCEL',
      status: 'CANCELLED',
      reason: 'CANCELLED_BY_CUSTOMER',
    });
  });

  it('owes a release and a refund, whatever steps are recorded', () => {
    expect(decideCancel(pendingOrder(), secondsLater(1)).owed).toEqual(EVERYTHING_OWED);
  });
});

describe('a verdict', () => {
  const decided = { CONFIRM: confirmingOrder(), FAIL: failedOrder(), CANCEL: cancelledOrder() };
  const decisions = {
    CONFIRM: (order: Order) => decideConfirm(order, secondsLater(9)),
    FAIL: (order: Order) => decideFail(order, 'INVENTORY_ERROR', NOTHING_OWED, secondsLater(9)),
    CANCEL: (order: Order) => decideCancel(order, secondsLater(9)),
  };

  it.each(Object.entries(decisions))('%s erases the payment method: nothing is charged after it', (_, decide) => {
    expect(decide(pendingOrder({ paymentMethod: 'pm_secret' })).paymentMethod).toBe('');
  });

  const pairs = Object.entries(decided).flatMap(([first, order]) =>
    Object.entries(decisions).map(([second, decide]) => ({ first, second, order, decide })),
  );

  it.each(pairs)('never changes: after $first, $second is refused', ({ order, decide, first }) => {
    expect(() => decide(order)).toThrow(`order order-1 is decided already: ${first}`);
  });

  it('an order already confirmed cannot be decided against', () => {
    expect(() => decideCancel(confirmedOrder(), secondsLater(9))).toThrow('decided already: CONFIRM');
  });
});

describe('the end', () => {
  it.each([
    { verdict: 'undefined', order: paidOrder() },
    { verdict: 'FAIL', order: failedOrder() },
    { verdict: 'CANCEL', order: cancelledOrder() },
  ])('an order with verdict $verdict cannot be confirmed', ({ order, verdict }) => {
    expect(() => markConfirmed(order, secondsLater(9))).toThrow(`cannot be confirmed: its verdict is ${verdict}`);
  });
});

describe('what is owed', () => {
  it('a release leaves the refund owed', () => {
    expect(markReleased(cancelledOrder(), secondsLater(4)).owed).toEqual({ release: false, refund: true });
  });

  it('a refund leaves the release owed', () => {
    expect(markRefunded(cancelledOrder(), secondsLater(4)).owed).toEqual({ release: true, refund: false });
  });

  it('compensation does not change the status or its reason', () => {
    const settled = markRefunded(markReleased(failedOrder('INVENTORY_ERROR'), secondsLater(4)), secondsLater(5));
    expect(settled).toMatchObject({ status: 'FAILED', reason: 'INVENTORY_ERROR', verdict: 'FAIL' });
  });
});

describe('an open order', () => {
  it.each([
    { state: 'pending and undecided', order: pendingOrder(), open: true },
    { state: 'to be confirmed', order: confirmingOrder(), open: true },
    { state: 'confirmed', order: confirmedOrder(), open: false },
    {
      state: 'failed with stock to release',
      order: failedOrder('PAYMENT_FAILED', { release: true, refund: false }),
      open: true,
    },
    {
      state: 'failed with money to refund',
      order: failedOrder('PAYMENT_FAILED', { release: false, refund: true }),
      open: true,
    },
    { state: 'failed with nothing owed', order: failedOrder('INSUFFICIENT_STOCK', NOTHING_OWED), open: false },
    { state: 'cancelled and not compensated', order: cancelledOrder(), open: true },
    {
      state: 'cancelled and compensated',
      order: markRefunded(markReleased(cancelledOrder(), secondsLater(4)), secondsLater(5)),
      open: false,
    },
    { state: 'refunded with money to refund', order: refundedOrder(), open: true },
    { state: 'refunded', order: markRefunded(refundedOrder(), secondsLater(11)), open: false },
  ])('$state: $open', ({ order, open }) => {
    expect(isOpen(order)).toBe(open);
  });
});

describe('a blocked order', () => {
  it('has the reason and stays pending', () => {
    expect(blockedOrder()).toMatchObject({ status: 'PENDING', reason: 'INVENTORY_UNAVAILABLE', verdict: undefined });
  });

  it('records in its timeline which step is retried and why', () => {
    expect(blockedOrder().timeline.at(-1)).toEqual({
      step: 'RESERVE_STOCK',
      state: 'RETRYING',
      time: secondsLater(1),
      detail: 'inventory could not be reached',
    });
  });

  it('takes the reason of its latest failure', () => {
    const order = markBlocked(
      blockedOrder(),
      'PROCESS_PAYMENT',
      'PAYMENT_TIMEOUT',
      secondsLater(2),
      'payment did not answer in time',
    );
    expect(order.reason).toBe('PAYMENT_TIMEOUT');
  });

  it('keeps the reason of its verdict while compensation is blocked', () => {
    const order = markBlocked(
      failedOrder('INVENTORY_ERROR'),
      'RELEASE_RESERVATION',
      'INVENTORY_UNAVAILABLE',
      secondsLater(4),
      '',
    );
    expect(order).toMatchObject({ status: 'FAILED', reason: 'INVENTORY_ERROR' });
  });

  it('keeps the verdict CONFIRM while the confirmation is blocked', () => {
    const order = markBlocked(confirmingOrder(), 'CONFIRM_RESERVATION', 'INVENTORY_UNAVAILABLE', secondsLater(4), '');
    expect(order).toMatchObject({ status: 'PENDING', verdict: 'CONFIRM', reason: 'INVENTORY_UNAVAILABLE' });
  });
});

describe('the timeline', () => {
  it('folds an entry equal to the last into one with the latest time', () => {
    const again = recordStep(
      blockedOrder(),
      'RESERVE_STOCK',
      'RETRYING',
      secondsLater(9),
      'inventory could not be reached',
    );
    expect(stepsOf(again)).toEqual(['CREATE DONE', 'RESERVE_STOCK RETRYING']);
    expect(again.timeline.at(-1)?.time).toEqual(secondsLater(9));
  });

  it('folds equal entries of alternating steps, as in an outage of the second dependency', () => {
    let order = pendingOrder();
    for (let seconds = 1; seconds < 200; seconds += 2) {
      order = markReserved(order, 'res123', secondsLater(seconds));
      order = markBlocked(
        order,
        'PROCESS_PAYMENT',
        'PAYMENT_UNAVAILABLE',
        secondsLater(seconds + 1),
        'payment could not be reached',
      );
    }
    expect(stepsOf(order)).toEqual(['CREATE DONE', 'RESERVE_STOCK DONE', 'PROCESS_PAYMENT RETRYING']);
    expect(order.timeline.at(-1)?.time).toEqual(secondsLater(200));
  });

  it('keeps the place and the time at which a step was done first, when it is done again after a failed charge', () => {
    const reserved = markReserved(pendingOrder(), 'res123', secondsLater(1));
    const blocked = markBlocked(
      reserved,
      'PROCESS_PAYMENT',
      'PAYMENT_TIMEOUT',
      secondsLater(2),
      'payment was too slow',
    );
    const again = markPaid(markReserved(blocked, 'res123', secondsLater(3)), 'tx1', secondsLater(4));
    expect(stepsOf(again).slice(1)).toEqual(['RESERVE_STOCK DONE', 'PROCESS_PAYMENT RETRYING', 'PROCESS_PAYMENT DONE']);
    expect(again.timeline[1]?.time).toEqual(secondsLater(1));
  });

  it('keeps entries of one step with different states', () => {
    const refused = recordStep(
      blockedOrder(),
      'RESERVE_STOCK',
      'REFUSED',
      secondsLater(2),
      'inventory could not be reached',
    );
    expect(stepsOf(refused)).toEqual(['CREATE DONE', 'RESERVE_STOCK RETRYING', 'RESERVE_STOCK REFUSED']);
  });

  it('keeps entries with different details', () => {
    const other = recordStep(
      blockedOrder(),
      'RESERVE_STOCK',
      'RETRYING',
      secondsLater(2),
      'inventory did not answer in time',
    );
    expect(other.timeline).toHaveLength(3);
  });

  it('is oldest first', () => {
    let order = blockedOrder();
    order = recordStep(order, 'RESERVE_STOCK', 'RETRYING', secondsLater(2), 'another failure');
    order = recordStep(order, 'RESERVE_STOCK', 'RETRYING', secondsLater(3), 'inventory could not be reached');
    const times = order.timeline.map(({ time }) => time.getTime());
    expect(times).toEqual([...times].sort((left, right) => left - right));
  });

  it('holds at most 50 entries: the creation and the latest', () => {
    let order = pendingOrder();
    for (let index = 1; index <= 60; index += 1) {
      order = recordStep(order, 'RESERVE_STOCK', 'RETRYING', secondsLater(index), `failure ${index}`);
    }
    expect(order.timeline).toHaveLength(50);
    expect(order.timeline[0]?.step).toBe('CREATE');
    expect(order.timeline[1]?.detail).toBe('failure 12');
    expect(order.timeline.at(-1)?.detail).toBe('failure 60');
  });
});

describe('the time limit', () => {
  it('has not passed one millisecond before', () => {
    expect(isOverdue(pendingOrder(), 1_000, new Date(ACCEPTED_AT.getTime() + 999))).toBe(false);
  });

  it('has passed at that millisecond', () => {
    expect(isOverdue(pendingOrder(), 1_000, secondsLater(1))).toBe(true);
  });

  it('does not apply to a decided order', () => {
    expect(isOverdue(confirmingOrder(), 1_000, secondsLater(9_999))).toBe(false);
  });
});
