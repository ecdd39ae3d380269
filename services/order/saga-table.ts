// The saga's step table: what CreateOrder answers, and whether the order has failed for good, by step and by call failure. Pure.
import type { CallFailure } from '../platform/base/call-failure.ts';
import { EVERYTHING_OWED, NOTHING_OWED, type OrderReason, type OrderStep, type Owed } from './order.ts';

/** What a call of CreateOrder saw. */
export type Outcome = 'CONFIRMED' | 'PENDING' | 'FAILED' | 'CIRCUIT_OPEN' | 'TIMEOUT';

/** The steps that call a dependency. */
export type CallStep = Extract<
  OrderStep,
  'RESERVE_STOCK' | 'PROCESS_PAYMENT' | 'CONFIRM_RESERVATION' | 'RELEASE_RESERVATION' | 'REFUND_PAYMENT'
>;

/** The order stays blocked at the step until a later run of the saga gets past it. */
export type RetryableFailure = {
  readonly kind: 'retryable';
  readonly outcome: Exclude<Outcome, 'CONFIRMED' | 'FAILED'>;
  readonly reason: OrderReason;
};

/** The order has failed for good, and owes compensation. */
export type TerminalFailure = {
  readonly kind: 'terminal';
  readonly outcome: 'FAILED';
  readonly reason: OrderReason;
  readonly owed: Owed;
};

/** What follows from a failed step. */
export type StepFailure = RetryableFailure | TerminalFailure;

const retryable = (outcome: RetryableFailure['outcome'], reason: OrderReason): RetryableFailure => ({
  kind: 'retryable',
  outcome,
  reason,
});
const terminal = (reason: OrderReason, owed: Owed): TerminalFailure => ({
  kind: 'terminal',
  outcome: 'FAILED',
  reason,
  owed,
});

const INVENTORY_UNAVAILABLE = retryable('PENDING', 'INVENTORY_UNAVAILABLE');
const PAYMENT_UNAVAILABLE = retryable('PENDING', 'PAYMENT_UNAVAILABLE');
const BUDGET_EXHAUSTED = retryable('PENDING', 'BUDGET_EXHAUSTED');

const everyFailure = (failure: RetryableFailure): Record<CallFailure, RetryableFailure> => ({
  timeout: failure,
  unreachable: failure,
  internal: failure,
  unreadable: failure,
  not_understood: failure,
  circuit_open: failure,
  overloaded: failure,
  not_called: failure,
  refused: failure,
  cancelled: failure,
});

/** The provider answered this payment with an error of its own: its payment method may be the cause, so it is tried for less long. */
export const PAYMENT_FAILING: RetryableFailure = retryable('PENDING', 'PAYMENT_UNAVAILABLE');

/** One row a step, one cell a call failure. `toStepFailure` refines ReserveStock and ProcessPayment by the dependency's reason. */
export const STEP_TABLE: Readonly<Record<CallStep, Readonly<Record<CallFailure, StepFailure>>>> = {
  RESERVE_STOCK: {
    timeout: retryable('PENDING', 'INVENTORY_CHECK_FAILED'),
    unreachable: INVENTORY_UNAVAILABLE,
    internal: terminal('INVENTORY_ERROR', EVERYTHING_OWED),
    unreadable: INVENTORY_UNAVAILABLE,
    not_understood: INVENTORY_UNAVAILABLE,
    circuit_open: retryable('CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE'),
    overloaded: INVENTORY_UNAVAILABLE,
    not_called: BUDGET_EXHAUSTED,
    refused: terminal('INVENTORY_ERROR', EVERYTHING_OWED),
    cancelled: INVENTORY_UNAVAILABLE,
  },
  PROCESS_PAYMENT: {
    timeout: retryable('TIMEOUT', 'PAYMENT_TIMEOUT'),
    unreachable: PAYMENT_UNAVAILABLE,
    internal: PAYMENT_UNAVAILABLE,
    unreadable: PAYMENT_UNAVAILABLE,
    not_understood: PAYMENT_UNAVAILABLE,
    circuit_open: retryable('CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE'),
    overloaded: PAYMENT_UNAVAILABLE,
    not_called: BUDGET_EXHAUSTED,
    refused: terminal('PAYMENT_FAILED', EVERYTHING_OWED),
    cancelled: PAYMENT_UNAVAILABLE,
  },
  CONFIRM_RESERVATION: everyFailure(INVENTORY_UNAVAILABLE),
  RELEASE_RESERVATION: everyFailure(INVENTORY_UNAVAILABLE),
  REFUND_PAYMENT: everyFailure(PAYMENT_UNAVAILABLE),
};

/** Looks up what follows from the failure of a step; `reason` is the dependency's UPPER_SNAKE reason, or empty. */
export function toStepFailure(step: CallStep, failure: CallFailure, reason: string): StepFailure {
  // A rejected reservation never held stock, so payment was never called either: nothing is owed.
  if (step === 'RESERVE_STOCK' && failure === 'refused' && reason === 'INSUFFICIENT_STOCK') {
    return terminal('INSUFFICIENT_STOCK', NOTHING_OWED);
  }
  if (step === 'PROCESS_PAYMENT' && reason === 'PAYMENT_PROVIDER_ERROR') return PAYMENT_FAILING;
  return STEP_TABLE[step][failure];
}

/** The payment was declined. A declined charge needs no refund, so only the stock is released. */
export const PAYMENT_DECLINED: TerminalFailure = terminal('PAYMENT_FAILED', { release: true, refund: false });

/** The provider failed this payment until the limit passed. The charge may still have captured money. */
export const PAYMENT_GIVEN_UP: TerminalFailure = terminal('PAYMENT_FAILED', EVERYTHING_OWED);

/** The order's time limit passed before it had a verdict. */
export const TIME_LIMIT: TerminalFailure = terminal('TIME_LIMIT_EXCEEDED', EVERYTHING_OWED);
