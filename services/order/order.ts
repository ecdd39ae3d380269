// The order: its states, what may follow what, and what must be given back. Pure: time and ids come in as arguments.
import type { Money } from '../platform/base/money.ts';

export type OrderStatus = 'PENDING' | 'CONFIRMED' | 'FAILED' | 'CANCELLED';

/** Why an order is not confirmed; the names are those of the contract's OrderReason. */
export type OrderReason =
  | 'INVENTORY_CHECK_FAILED'
  | 'INVENTORY_UNAVAILABLE'
  | 'INVENTORY_ERROR'
  | 'INSUFFICIENT_STOCK'
  | 'PAYMENT_FAILED'
  | 'PAYMENT_TIMEOUT'
  | 'PAYMENT_UNAVAILABLE'
  | 'CANCELLED_BY_CUSTOMER'
  | 'TIME_LIMIT_EXCEEDED'
  | 'BUDGET_EXHAUSTED';

export type OrderStep =
  | 'CREATE'
  | 'RESERVE_STOCK'
  | 'PROCESS_PAYMENT'
  | 'DECIDE'
  | 'CONFIRM_RESERVATION'
  | 'RELEASE_RESERVATION'
  | 'REFUND_PAYMENT'
  | 'FINISH';

export type StepState = 'DONE' | 'REFUSED' | 'RETRYING';

/** The one decision about an order, taken before stock is sold or anything is given back. It never changes. */
export type Verdict = 'CONFIRM' | 'FAIL' | 'CANCEL';

/** What must be given back for an order decided against: its stock, its money, both or nothing (left). */
export type Owed = { readonly release: boolean; readonly refund: boolean };

export const NOTHING_OWED: Owed = { release: false, refund: false };
/** What is owed when it is not known how far the order came. */
export const EVERYTHING_OWED: Owed = { release: true, refund: true };

export type OrderItem = { readonly productId: string; readonly quantity: number; readonly unitPrice: Money };

export type TimelineEntry = {
  readonly step: OrderStep;
  readonly state: StepState;
  readonly time: Date;
  readonly detail: string;
};

export type Order = {
  readonly orderId: string;
  readonly customerId: string;
  readonly items: readonly OrderItem[];
  /** A secret of the customer; empty once the order is decided. */
  readonly paymentMethod: string;
  readonly total: Money;
  readonly pricingVersion: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | undefined;
  readonly verdict: Verdict | undefined;
  /** What may still have to be given back; only of failed and cancelled orders. */
  readonly owed: Owed;
  readonly reservationId: string;
  readonly transactionId: string;
  readonly synthetic: boolean;
  readonly timeline: readonly TimelineEntry[];
  /** Grows by one with every stored change. */
  readonly version: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

export type NewOrder = Pick<
  Order,
  'orderId' | 'customerId' | 'items' | 'paymentMethod' | 'total' | 'pricingVersion' | 'synthetic'
>;

// Outages of hours must not grow an order without end; the first and the latest entries tell the story.
const MAX_TIMELINE_ENTRIES = 50;

/** An accepted order: pending, at version 1. */
export function acceptOrder(order: NewOrder, now: Date): Order {
  return {
    ...order,
    status: 'PENDING',
    reason: undefined,
    verdict: undefined,
    owed: NOTHING_OWED,
    reservationId: '',
    transactionId: '',
    timeline: [{ step: 'CREATE', state: 'DONE', time: now, detail: '' }],
    version: 1,
    createTime: now,
    updateTime: now,
  };
}

/** Whether work is left: the order is not decided and finished, or not given back in full. */
export function isOpen(order: Order): boolean {
  return order.status === 'PENDING' || order.owed.release || order.owed.refund;
}

/** Adds what happened to the timeline. The same again, be it with other steps in between, only renews an entry and its place. */
export function recordStep(order: Order, step: OrderStep, state: StepState, now: Date, detail = ''): Order {
  const isSame = (entry: TimelineEntry): boolean =>
    entry.step === step && entry.state === state && entry.detail === detail;
  const timeline = [...order.timeline.filter((entry) => !isSame(entry)), { step, state, time: now, detail }];
  const kept = timeline.length > MAX_TIMELINE_ENTRIES ? [...timeline.slice(0, 1), ...timeline.slice(2)] : timeline;
  return { ...order, timeline: kept, updateTime: now };
}

/** The stock is reserved. */
export function noteReserved(order: Order, reservationId: string, now: Date): Order {
  return { ...recordStep(order, 'RESERVE_STOCK', 'DONE', now), reservationId };
}

/** The customer is charged. */
export function notePaid(order: Order, transactionId: string, now: Date): Order {
  return { ...recordStep(order, 'PROCESS_PAYMENT', 'DONE', now), transactionId };
}

/** A step could not be made now: the order waits, and says why. A verdict's own reason stays. */
export function park(order: Order, step: OrderStep, reason: OrderReason, now: Date, detail: string): Order {
  const parked = recordStep(order, step, 'RETRYING', now, detail);
  return order.status === 'PENDING' ? { ...parked, reason } : parked;
}

/** Decides that the order is to be confirmed. Throws Error when it is decided already. */
export function decideConfirm(order: Order, now: Date): Order {
  requireUndecided(order);
  return {
    ...forgetPaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, 'CONFIRM')),
    verdict: 'CONFIRM',
    reason: undefined,
  };
}

/** Decides that the order has failed: final at once, compensated next. Throws Error when it is decided already. */
export function decideFail(order: Order, reason: OrderReason, owed: Owed, now: Date): Order {
  requireUndecided(order);
  const decided = forgetPaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, `FAIL ${reason}`));
  return { ...recordStep(decided, 'FINISH', 'DONE', now, 'FAILED'), verdict: 'FAIL', status: 'FAILED', reason, owed };
}

/** Decides that the order is cancelled: final at once, compensated next. Throws Error when it is decided already. */
export function decideCancel(order: Order, now: Date): Order {
  requireUndecided(order);
  const decided = forgetPaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, 'CANCEL'));
  return {
    ...recordStep(decided, 'FINISH', 'DONE', now, 'CANCELLED'),
    verdict: 'CANCEL',
    status: 'CANCELLED',
    reason: 'CANCELLED_BY_CUSTOMER',
    owed: EVERYTHING_OWED,
  };
}

/** The stock is sold: the order is confirmed. Throws Error unless that was decided. */
export function finishConfirm(order: Order, now: Date): Order {
  if (order.verdict !== 'CONFIRM')
    throw new Error(`order ${order.orderId} cannot be confirmed: its verdict is ${order.verdict}`);
  const sold = recordStep(order, 'CONFIRM_RESERVATION', 'DONE', now);
  return { ...recordStep(sold, 'FINISH', 'DONE', now, 'CONFIRMED'), status: 'CONFIRMED', reason: undefined };
}

/** The stock is given back, or there was none. */
export function noteReleased(order: Order, now: Date): Order {
  return { ...recordStep(order, 'RELEASE_RESERVATION', 'DONE', now), owed: { ...order.owed, release: false } };
}

/** The money is given back, or there was none. */
export function noteRefunded(order: Order, now: Date): Order {
  return { ...recordStep(order, 'REFUND_PAYMENT', 'DONE', now), owed: { ...order.owed, refund: false } };
}

/** Whether the order's time limit has passed while it was undecided. */
export function isOverdue(order: Order, limitMs: number, now: Date): boolean {
  return order.verdict === undefined && now.getTime() - order.createTime.getTime() >= limitMs;
}

// Nothing is charged after a verdict: the secret need not stay.
function forgetPaymentMethod(order: Order): Order {
  return { ...order, paymentMethod: '' };
}

function requireUndecided(order: Order): void {
  if (order.verdict !== undefined) throw new Error(`order ${order.orderId} is decided already: ${order.verdict}`);
}
