import { describe, expect, it } from 'vitest';
import { refundConfirmed } from '#services/order/order.ts';
import {
  cancelledOrder,
  confirmedOrder,
  confirmingOrder,
  failedOrder,
  pendingOrder,
  refundedOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';

describe('a refund', () => {
  it('makes a confirmed order REFUNDED at once; its charge is owed, its stock stays sold and its verdict stands', () => {
    expect(refundConfirmed(confirmedOrder(), secondsLater(9))).toMatchObject({
      status: 'REFUNDED',
      verdict: 'CONFIRM',
      owed: { release: false, refund: true },
      updateTime: secondsLater(9),
    });
  });

  it('is the last entry of the timeline', () => {
    expect(refundConfirmed(confirmedOrder(), secondsLater(9)).timeline.at(-1)).toEqual({
      step: 'FINISH',
      state: 'DONE',
      time: secondsLater(9),
      detail: 'REFUNDED',
    });
  });

  it.each([pendingOrder(), confirmingOrder(), failedOrder(), cancelledOrder(), refundedOrder()])(
    'is refused for an order that is $status',
    (order) => {
      expect(() => refundConfirmed(order, secondsLater(9))).toThrow(
        `order ${order.orderId} cannot be refunded: it is ${order.status}`,
      );
    },
  );
});
