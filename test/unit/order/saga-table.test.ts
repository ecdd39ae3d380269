import { describe, expect, it } from 'vitest';
import { EVERYTHING_OWED, NOTHING_OWED } from '#services/order/order.ts';
import {
  type CallStep,
  type Failure,
  judgeFailure,
  OVERDUE,
  PAYMENT_DECLINED,
  STEP_TABLE,
} from '#services/order/saga-table.ts';

const FAILURES: Failure[] = [
  'timeout',
  'unreachable',
  'internal',
  'unreadable',
  'not_understood',
  'circuit_open',
  'overloaded',
  'not_called',
  'refused',
  'cancelled',
];
const COMPENSATIONS: CallStep[] = ['RELEASE_RESERVATION', 'REFUND_PAYMENT'];

const waiting = (outcome: string, reason: string) => ({ outcome, reason, failed: undefined });
const failing = (reason: string, failed: object) => ({ outcome: 'FAILED', reason, failed });

describe('ReserveStock', () => {
  it('inventory times out: PENDING, INVENTORY_CHECK_FAILED', () => {
    expect(judgeFailure('RESERVE_STOCK', 'timeout', '')).toEqual(waiting('PENDING', 'INVENTORY_CHECK_FAILED'));
  });

  it('inventory is unreachable: PENDING, INVENTORY_UNAVAILABLE', () => {
    expect(judgeFailure('RESERVE_STOCK', 'unreachable', '')).toEqual(waiting('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('inventory answers internal: FAILED, INVENTORY_ERROR, everything may be owed', () => {
    expect(judgeFailure('RESERVE_STOCK', 'internal', '')).toEqual(failing('INVENTORY_ERROR', EVERYTHING_OWED));
  });

  it.each(['unreadable', 'not_understood'] as const)(
    'request or answer is spoilt on its way (%s): PENDING, INVENTORY_UNAVAILABLE, for the stock may be reserved',
    (failure) => {
      expect(judgeFailure('RESERVE_STOCK', failure, '')).toEqual(waiting('PENDING', 'INVENTORY_UNAVAILABLE'));
    },
  );

  it('the breaker of inventory is open: CIRCUIT_OPEN, INVENTORY_UNAVAILABLE', () => {
    expect(judgeFailure('RESERVE_STOCK', 'circuit_open', '')).toEqual(waiting('CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE'));
  });

  it('inventory sheds load: PENDING, INVENTORY_UNAVAILABLE', () => {
    expect(judgeFailure('RESERVE_STOCK', 'overloaded', '')).toEqual(waiting('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('too little time is left: PENDING, BUDGET_EXHAUSTED', () => {
    expect(judgeFailure('RESERVE_STOCK', 'not_called', '')).toEqual(waiting('PENDING', 'BUDGET_EXHAUSTED'));
  });

  it('not enough stock: FAILED, INSUFFICIENT_STOCK, nothing is owed', () => {
    expect(judgeFailure('RESERVE_STOCK', 'refused', 'INSUFFICIENT_STOCK')).toEqual(
      failing('INSUFFICIENT_STOCK', NOTHING_OWED),
    );
  });

  it.each(['RESERVATION_RELEASED', 'RESERVATION_MISMATCH', 'INVALID_REQUEST', ''])(
    'a refusal with the reason "%s" is an error of ours: FAILED, INVENTORY_ERROR, everything may be owed',
    (reason) => {
      expect(judgeFailure('RESERVE_STOCK', 'refused', reason)).toEqual(failing('INVENTORY_ERROR', EVERYTHING_OWED));
    },
  );
});

describe('ProcessPayment', () => {
  it('payment is slower than its deadline: TIMEOUT, PAYMENT_TIMEOUT, never failed', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'timeout', '')).toEqual(waiting('TIMEOUT', 'PAYMENT_TIMEOUT'));
  });

  it('payment is unreachable: PENDING, PAYMENT_UNAVAILABLE', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'unreachable', '')).toEqual(waiting('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it('payment answers internal: PENDING, PAYMENT_UNAVAILABLE, for the money may be taken', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'internal', '')).toEqual(waiting('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it.each(['unreadable', 'not_understood'] as const)(
    'request or answer is spoilt on its way (%s): PENDING, PAYMENT_UNAVAILABLE, for nobody declined',
    (failure) => {
      expect(judgeFailure('PROCESS_PAYMENT', failure, '')).toEqual(waiting('PENDING', 'PAYMENT_UNAVAILABLE'));
    },
  );

  it('the breaker of payment is open: CIRCUIT_OPEN, PAYMENT_UNAVAILABLE', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'circuit_open', '')).toEqual(waiting('CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE'));
  });

  it('payment sheds load: PENDING, PAYMENT_UNAVAILABLE', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'overloaded', '')).toEqual(waiting('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it('too little time is left: PENDING, BUDGET_EXHAUSTED', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'not_called', '')).toEqual(waiting('PENDING', 'BUDGET_EXHAUSTED'));
  });

  it('payment refuses the call: FAILED, PAYMENT_FAILED, the money is asked back all the same', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'refused', 'IDEMPOTENCY_KEY_REUSED')).toEqual(
      failing('PAYMENT_FAILED', EVERYTHING_OWED),
    );
  });

  it('payment declined: FAILED, PAYMENT_FAILED, only the stock is owed', () => {
    expect(PAYMENT_DECLINED).toEqual(failing('PAYMENT_FAILED', { release: true, refund: false }));
  });

  it('the word INSUFFICIENT_STOCK means nothing here', () => {
    expect(judgeFailure('PROCESS_PAYMENT', 'refused', 'INSUFFICIENT_STOCK').reason).toBe('PAYMENT_FAILED');
  });
});

describe('after the verdict', () => {
  it.each(FAILURES)('ConfirmReservation fails by %s: PENDING, INVENTORY_UNAVAILABLE, never failed', (failure) => {
    expect(judgeFailure('CONFIRM_RESERVATION', failure, '')).toEqual(waiting('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('a confirmation refused for want of stock is tried again too', () => {
    expect(judgeFailure('CONFIRM_RESERVATION', 'refused', 'INSUFFICIENT_STOCK').failed).toBeUndefined();
  });

  it.each(COMPENSATIONS.flatMap((step) => FAILURES.map((failure) => ({ step, failure }))))(
    '$step is repeated whatever happens: $failure',
    ({ step, failure }) => {
      expect(judgeFailure(step, failure, '').failed).toBeUndefined();
    },
  );
});

describe('the whole table', () => {
  it('has an answer for every step and every way to fail', () => {
    const cells = Object.values(STEP_TABLE).flatMap((row) => FAILURES.map((failure) => row[failure]));
    expect(cells).toHaveLength(5 * 10);
    expect(cells.every((cell) => cell !== undefined)).toBe(true);
  });

  it('an outcome that is unknown never fails an order whose customer may be charged', () => {
    const unknown: Failure[] = ['timeout', 'unreachable', 'internal', 'unreadable', 'not_understood', 'cancelled'];
    expect(unknown.filter((failure) => STEP_TABLE.PROCESS_PAYMENT[failure].failed !== undefined)).toEqual([]);
  });

  it('the time limit passed: FAILED, TIME_LIMIT_EXCEEDED, everything may be owed', () => {
    expect(OVERDUE).toEqual(failing('TIME_LIMIT_EXCEEDED', EVERYTHING_OWED));
  });
});
