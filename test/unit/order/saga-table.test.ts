import { describe, expect, it } from 'vitest';
import { EVERYTHING_OWED, NOTHING_OWED } from '#services/order/order.ts';
import { type CallStep, PAYMENT_DECLINED, STEP_TABLE, TIME_LIMIT, toStepFailure } from '#services/order/saga-table.ts';
import type { CallFailure } from '#services/platform/base/call-failure.ts';

const FAILURES: CallFailure[] = [
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

const retryable = (outcome: string, reason: string) => ({ kind: 'retryable', outcome, reason });
const terminal = (reason: string, owed: object) => ({ kind: 'terminal', outcome: 'FAILED', reason, owed });

describe('ReserveStock', () => {
  it('inventory times out: PENDING, INVENTORY_CHECK_FAILED', () => {
    expect(toStepFailure('RESERVE_STOCK', 'timeout', '')).toEqual(retryable('PENDING', 'INVENTORY_CHECK_FAILED'));
  });

  it('inventory is unreachable: PENDING, INVENTORY_UNAVAILABLE', () => {
    expect(toStepFailure('RESERVE_STOCK', 'unreachable', '')).toEqual(retryable('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('inventory answers internal: FAILED, INVENTORY_ERROR, everything may be owed', () => {
    expect(toStepFailure('RESERVE_STOCK', 'internal', '')).toEqual(terminal('INVENTORY_ERROR', EVERYTHING_OWED));
  });

  it.each(['unreadable', 'not_understood'] as const)(
    'request or answer is corrupted (%s): PENDING, INVENTORY_UNAVAILABLE, because the stock may be reserved',
    (failure) => {
      expect(toStepFailure('RESERVE_STOCK', failure, '')).toEqual(retryable('PENDING', 'INVENTORY_UNAVAILABLE'));
    },
  );

  it('the breaker of inventory is open: CIRCUIT_OPEN, INVENTORY_UNAVAILABLE', () => {
    expect(toStepFailure('RESERVE_STOCK', 'circuit_open', '')).toEqual(
      retryable('CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE'),
    );
  });

  it('inventory sheds load: PENDING, INVENTORY_UNAVAILABLE', () => {
    expect(toStepFailure('RESERVE_STOCK', 'overloaded', '')).toEqual(retryable('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('too little time is left: PENDING, BUDGET_EXHAUSTED', () => {
    expect(toStepFailure('RESERVE_STOCK', 'not_called', '')).toEqual(retryable('PENDING', 'BUDGET_EXHAUSTED'));
  });

  it('not enough stock: FAILED, INSUFFICIENT_STOCK, nothing is owed', () => {
    expect(toStepFailure('RESERVE_STOCK', 'refused', 'INSUFFICIENT_STOCK')).toEqual(
      terminal('INSUFFICIENT_STOCK', NOTHING_OWED),
    );
  });

  it.each(['RESERVATION_RELEASED', 'RESERVATION_MISMATCH', 'INVALID_REQUEST', ''])(
    'a refusal with the reason "%s" is our own error: FAILED, INVENTORY_ERROR, everything may be owed',
    (reason) => {
      expect(toStepFailure('RESERVE_STOCK', 'refused', reason)).toEqual(terminal('INVENTORY_ERROR', EVERYTHING_OWED));
    },
  );
});

describe('ProcessPayment', () => {
  it('payment is slower than its deadline: TIMEOUT, PAYMENT_TIMEOUT, never failed', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'timeout', '')).toEqual(retryable('TIMEOUT', 'PAYMENT_TIMEOUT'));
  });

  it('payment is unreachable: PENDING, PAYMENT_UNAVAILABLE', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'unreachable', '')).toEqual(retryable('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it('payment answers internal: PENDING, PAYMENT_UNAVAILABLE, because the customer may be charged', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'internal', '')).toEqual(retryable('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it.each(['unreadable', 'not_understood'] as const)(
    'request or answer is corrupted (%s): PENDING, PAYMENT_UNAVAILABLE, because nothing was declined',
    (failure) => {
      expect(toStepFailure('PROCESS_PAYMENT', failure, '')).toEqual(retryable('PENDING', 'PAYMENT_UNAVAILABLE'));
    },
  );

  it('the breaker of payment is open: CIRCUIT_OPEN, PAYMENT_UNAVAILABLE', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'circuit_open', '')).toEqual(
      retryable('CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE'),
    );
  });

  it('payment sheds load: PENDING, PAYMENT_UNAVAILABLE', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'overloaded', '')).toEqual(retryable('PENDING', 'PAYMENT_UNAVAILABLE'));
  });

  it('too little time is left: PENDING, BUDGET_EXHAUSTED', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'not_called', '')).toEqual(retryable('PENDING', 'BUDGET_EXHAUSTED'));
  });

  it('payment refuses the call: FAILED, PAYMENT_FAILED, and a refund is owed to be safe', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'refused', 'IDEMPOTENCY_KEY_REUSED')).toEqual(
      terminal('PAYMENT_FAILED', EVERYTHING_OWED),
    );
  });

  it('payment declined: FAILED, PAYMENT_FAILED, only the stock is owed', () => {
    expect(PAYMENT_DECLINED).toEqual(terminal('PAYMENT_FAILED', { release: true, refund: false }));
  });

  it('the reason INSUFFICIENT_STOCK has no meaning here', () => {
    expect(toStepFailure('PROCESS_PAYMENT', 'refused', 'INSUFFICIENT_STOCK').reason).toBe('PAYMENT_FAILED');
  });
});

it('the reason PAYMENT_PROVIDER_ERROR has a meaning for ProcessPayment only', () => {
  expect(toStepFailure('RESERVE_STOCK', 'refused', 'PAYMENT_PROVIDER_ERROR').reason).toBe('INVENTORY_ERROR');
});

describe('after the verdict', () => {
  it.each(FAILURES)('ConfirmReservation fails by %s: PENDING, INVENTORY_UNAVAILABLE, never failed', (failure) => {
    expect(toStepFailure('CONFIRM_RESERVATION', failure, '')).toEqual(retryable('PENDING', 'INVENTORY_UNAVAILABLE'));
  });

  it('a confirmation refused for lack of stock is retryable too', () => {
    expect(toStepFailure('CONFIRM_RESERVATION', 'refused', 'INSUFFICIENT_STOCK').kind).toBe('retryable');
  });

  it.each(COMPENSATIONS.flatMap((step) => FAILURES.map((failure) => ({ step, failure }))))(
    '$step is retryable after every failure: $failure',
    ({ step, failure }) => {
      expect(toStepFailure(step, failure, '').kind).toBe('retryable');
    },
  );
});

describe('the whole table', () => {
  it('has a cell for every step and every call failure', () => {
    const cells = Object.values(STEP_TABLE).flatMap((row) => FAILURES.map((failure) => row[failure]));
    expect(cells).toHaveLength(5 * 10);
    expect(cells.every((cell) => cell !== undefined)).toBe(true);
  });

  it('an unknown outcome never fails an order whose customer may be charged', () => {
    const unknown: CallFailure[] = ['timeout', 'unreachable', 'internal', 'unreadable', 'not_understood', 'cancelled'];
    expect(unknown.filter((failure) => STEP_TABLE.PROCESS_PAYMENT[failure].kind === 'terminal')).toEqual([]);
  });

  it('the time limit passed: FAILED, TIME_LIMIT_EXCEEDED, everything may be owed', () => {
    expect(TIME_LIMIT).toEqual(terminal('TIME_LIMIT_EXCEEDED', EVERYTHING_OWED));
  });
});
