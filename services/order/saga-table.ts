// The saga's step table: for each step and each way a call can fail, what the caller is told and whether the order has failed
// for good. Pure.
import { EVERYTHING_OWED, NOTHING_OWED, type OrderReason, type OrderStep, type Owed } from './order.ts';

/** What a call of CreateOrder saw. */
export type Outcome = 'CONFIRMED' | 'PENDING' | 'FAILED' | 'CIRCUIT_OPEN' | 'TIMEOUT';

/** The steps that call a neighbour. */
export type CallStep = Extract<
  OrderStep,
  'RESERVE_STOCK' | 'PROCESS_PAYMENT' | 'CONFIRM_RESERVATION' | 'RELEASE_RESERVATION' | 'REFUND_PAYMENT'
>;

/** The ways a call fails, as the platform's client tells them. */
export type Failure =
  | 'timeout'
  | 'unreachable'
  | 'internal'
  | 'unreadable'
  | 'not_understood'
  | 'circuit_open'
  | 'overloaded'
  | 'not_called'
  | 'refused'
  | 'cancelled';

/** What follows from a failed step. */
export type Hindrance = {
  readonly outcome: Outcome;
  readonly reason: OrderReason;
  /** Set when the order has failed for good: what must be given back. Otherwise it waits and is tried again. */
  readonly failed: Owed | undefined;
};

const waits = (outcome: Outcome, reason: OrderReason): Hindrance => ({ outcome, reason, failed: undefined });
const fails = (reason: OrderReason, failed: Owed): Hindrance => ({ outcome: 'FAILED', reason, failed });

const INVENTORY_AWAY = waits('PENDING', 'INVENTORY_UNAVAILABLE');
const PAYMENT_AWAY = waits('PENDING', 'PAYMENT_UNAVAILABLE');
const NO_TIME_LEFT = waits('PENDING', 'BUDGET_EXHAUSTED');

const everyFailure = (hindrance: Hindrance): Record<Failure, Hindrance> => ({
  timeout: hindrance,
  unreachable: hindrance,
  internal: hindrance,
  unreadable: hindrance,
  not_understood: hindrance,
  circuit_open: hindrance,
  overloaded: hindrance,
  not_called: hindrance,
  refused: hindrance,
  cancelled: hindrance,
});

/** One row a step, one cell a failure. A refusal of ReserveStock is refined by its reason in `judgeFailure`. */
export const STEP_TABLE: Readonly<Record<CallStep, Readonly<Record<Failure, Hindrance>>>> = {
  RESERVE_STOCK: {
    timeout: waits('PENDING', 'INVENTORY_CHECK_FAILED'),
    unreachable: INVENTORY_AWAY,
    internal: fails('INVENTORY_ERROR', EVERYTHING_OWED),
    unreadable: INVENTORY_AWAY,
    not_understood: INVENTORY_AWAY,
    circuit_open: waits('CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE'),
    overloaded: INVENTORY_AWAY,
    not_called: NO_TIME_LEFT,
    refused: fails('INVENTORY_ERROR', EVERYTHING_OWED),
    cancelled: INVENTORY_AWAY,
  },
  PROCESS_PAYMENT: {
    timeout: waits('TIMEOUT', 'PAYMENT_TIMEOUT'),
    unreachable: PAYMENT_AWAY,
    internal: PAYMENT_AWAY,
    unreadable: PAYMENT_AWAY,
    not_understood: PAYMENT_AWAY,
    circuit_open: waits('CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE'),
    overloaded: PAYMENT_AWAY,
    not_called: NO_TIME_LEFT,
    refused: fails('PAYMENT_FAILED', EVERYTHING_OWED),
    cancelled: PAYMENT_AWAY,
  },
  CONFIRM_RESERVATION: everyFailure(INVENTORY_AWAY),
  RELEASE_RESERVATION: everyFailure(INVENTORY_AWAY),
  REFUND_PAYMENT: everyFailure(PAYMENT_AWAY),
};

/** What follows from the failure of a step; `refusal` is the UPPER_SNAKE reason of a refusal. */
export function judgeFailure(step: CallStep, failure: Failure, refusal: string): Hindrance {
  // A rejected reservation was never anything else, so payment was never asked either: nothing is owed.
  if (step === 'RESERVE_STOCK' && failure === 'refused' && refusal === 'INSUFFICIENT_STOCK') {
    return fails('INSUFFICIENT_STOCK', NOTHING_OWED);
  }
  return STEP_TABLE[step][failure];
}

/** The payment was declined: the charge stays declined, so only the stock is given back. */
export const PAYMENT_DECLINED: Hindrance = fails('PAYMENT_FAILED', { release: true, refund: false });

/** The order's time limit passed. */
export const OVERDUE: Hindrance = fails('TIME_LIMIT_EXCEEDED', EVERYTHING_OWED);
