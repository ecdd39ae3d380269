// The order: its states, the transitions between them, the compensation it owes, and who may see it. Pure: time and ids are arguments.
import { permissionDenied } from '../platform/base/errors.ts';
import type { Money } from '../platform/base/money.ts';
import { cleanText } from '../platform/base/text.ts';
import { type Caller, callerName } from '../platform/identity/caller.ts';

export type OrderStatus = 'PENDING' | 'CONFIRMED' | 'FAILED' | 'CANCELLED' | 'REFUNDED';

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

/** The one decision about an order, stored before its reservation is confirmed or compensated. It never changes. */
export type Verdict = 'CONFIRM' | 'FAIL' | 'CANCEL';

/** The compensation that a failed, cancelled or refunded order still owes: to release its stock, to refund its charge. */
export type Owed = { readonly release: boolean; readonly refund: boolean };

export const NOTHING_OWED: Owed = { release: false, refund: false };
/** What a refunded order owes: its stock stays sold. */
const REFUND_OWED: Owed = { release: false, refund: true };
/** What is owed when it is unknown which steps took effect. */
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
  /** The name of the caller who placed it: `guest`, `customer:cust123`. */
  readonly placedBy: string;
  readonly items: readonly OrderItem[];
  /** A secret of the customer; erased (empty) by the verdict. */
  readonly paymentMethod: string;
  readonly total: Money;
  readonly pricingVersion: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | undefined;
  readonly verdict: Verdict | undefined;
  /** The compensation that is left; nothing for a pending or confirmed order. */
  readonly owed: Owed;
  /** Empty until the stock is reserved. */
  readonly reservationId: string;
  /** Empty until the customer is charged. */
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
  'orderId' | 'customerId' | 'placedBy' | 'items' | 'paymentMethod' | 'total' | 'pricingVersion' | 'synthetic'
>;

// Without a limit, an outage of hours would grow the order with every retry. The first and the latest entries are kept.
const MAX_TIMELINE_ENTRIES = 50;
const MAX_DETAIL_LENGTH = 500;

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

/** Whether work is left: the order has no final status yet, or owes compensation. */
export function isOpen(order: Order): boolean {
  return order.status === 'PENDING' || order.owed.release || order.owed.refund;
}

/**
 * Appends an entry to the timeline. Of equal entries one is kept, so that retries do not pile up: the latest failure, and the first
 * success, as the saga does every step before the blocked one again.
 * @param text What happened; it may quote another system.
 */
export function recordStep(order: Order, step: OrderStep, state: StepState, now: Date, text = ''): Order {
  const detail = cleanText(text, MAX_DETAIL_LENGTH);
  const isSame = (entry: TimelineEntry): boolean =>
    entry.step === step && entry.state === state && entry.detail === detail;
  if (state === 'DONE' && order.timeline.some(isSame)) return { ...order, updateTime: now };
  const timeline = [...order.timeline.filter((entry) => !isSame(entry)), { step, state, time: now, detail }];
  const kept = timeline.length > MAX_TIMELINE_ENTRIES ? [...timeline.slice(0, 1), ...timeline.slice(2)] : timeline;
  return { ...order, timeline: kept, updateTime: now };
}

/** Records that the stock is reserved. */
export function markReserved(order: Order, reservationId: string, now: Date): Order {
  return { ...recordStep(order, 'RESERVE_STOCK', 'DONE', now), reservationId };
}

/** Records that the customer is charged. */
export function markPaid(order: Order, transactionId: string, now: Date): Order {
  return { ...recordStep(order, 'PROCESS_PAYMENT', 'DONE', now), transactionId };
}

/** Records a step that failed for now. A pending order takes the reason; one with a final status keeps that of its verdict. */
export function markBlocked(order: Order, step: OrderStep, reason: OrderReason, now: Date, detail: string): Order {
  const blocked = recordStep(order, step, 'RETRYING', now, detail);
  return order.status === 'PENDING' ? { ...blocked, reason } : blocked;
}

/**
 * Decides that the order will be confirmed.
 * @throws {Error} The order is decided already.
 */
export function decideConfirm(order: Order, now: Date): Order {
  requireUndecided(order);
  return {
    ...erasePaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, 'CONFIRM')),
    verdict: 'CONFIRM',
    reason: undefined,
  };
}

/**
 * Decides that the order has failed: the status is final at once, compensation follows.
 * @throws {Error} The order is decided already.
 */
export function decideFail(order: Order, reason: OrderReason, owed: Owed, now: Date): Order {
  requireUndecided(order);
  const decided = erasePaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, `FAIL ${reason}`));
  return { ...recordStep(decided, 'FINISH', 'DONE', now, 'FAILED'), verdict: 'FAIL', status: 'FAILED', reason, owed };
}

/**
 * Decides that the order is cancelled: the status is final at once, compensation follows.
 * @throws {Error} The order is decided already.
 */
export function decideCancel(order: Order, now: Date): Order {
  requireUndecided(order);
  const decided = erasePaymentMethod(recordStep(order, 'DECIDE', 'DONE', now, 'CANCEL'));
  return {
    ...recordStep(decided, 'FINISH', 'DONE', now, 'CANCELLED'),
    verdict: 'CANCEL',
    status: 'CANCELLED',
    reason: 'CANCELLED_BY_CUSTOMER',
    owed: EVERYTHING_OWED,
  };
}

/**
 * Records that the reservation is confirmed, and with it the order.
 * @throws {Error} The verdict is not CONFIRM.
 */
export function markConfirmed(order: Order, now: Date): Order {
  if (order.verdict !== 'CONFIRM')
    throw new Error(`order ${order.orderId} cannot be confirmed: its verdict is ${order.verdict}`);
  const confirmed = recordStep(order, 'CONFIRM_RESERVATION', 'DONE', now);
  return { ...recordStep(confirmed, 'FINISH', 'DONE', now, 'CONFIRMED'), status: 'CONFIRMED', reason: undefined };
}

/**
 * Refunds a confirmed order: the status is final at once, its refund follows. The verdict stays, and its stock stays sold.
 * @throws {Error} The order is not confirmed.
 */
export function refundConfirmed(order: Order, now: Date): Order {
  if (order.status !== 'CONFIRMED') throw new Error(`order ${order.orderId} cannot be refunded: it is ${order.status}`);
  return { ...recordStep(order, 'FINISH', 'DONE', now, 'REFUNDED'), status: 'REFUNDED', owed: REFUND_OWED };
}

/** Records that the stock is released, or that none was reserved. */
export function markReleased(order: Order, now: Date): Order {
  return { ...recordStep(order, 'RELEASE_RESERVATION', 'DONE', now), owed: { ...order.owed, release: false } };
}

/** Records that the charge is refunded, or that there was none. */
export function markRefunded(order: Order, now: Date): Order {
  return { ...recordStep(order, 'REFUND_PAYMENT', 'DONE', now), owed: { ...order.owed, refund: false } };
}

/** Whether an undecided order has passed its time limit. */
export function isOverdue(order: Order, limitMs: number, now: Date): boolean {
  return order.verdict === undefined && now.getTime() - order.createTime.getTime() >= limitMs;
}

// Nothing is charged after a verdict, so the secret is no longer needed.
function erasePaymentMethod(order: Order): Order {
  return { ...order, paymentMethod: '' };
}

function requireUndecided(order: Order): void {
  if (order.verdict !== undefined) throw new Error(`order ${order.orderId} is decided already: ${order.verdict}`);
}

/**
 * Requires that a customer acts for itself. Guests may name any customer: guest orders are for shops without sign-in.
 *
 * @throws {DomainError} `permission_denied` NOT_YOUR_CUSTOMER_ID
 */
export function requireOwnCustomerId(caller: Caller, customerId: string): void {
  if (caller.kind !== 'customer' || caller.id === customerId) return;
  throw permissionDenied('NOT_YOUR_CUSTOMER_ID', 'customer_id must be your own, the subject of your token');
}

/**
 * Whether a caller may see and change an order: an operator every order, a customer the orders placed for it (but not those of guests, who may have used its
 * id), everyone else the orders it placed.
 */
export function mayAccess(caller: Caller, order: Pick<Order, 'customerId' | 'placedBy'>): boolean {
  if (caller.kind === 'operator') return true;
  if (caller.kind === 'customer') return order.customerId === caller.id && order.placedBy !== 'guest';
  return order.placedBy === callerName(caller);
}

/** Whether a caller of this name may have only so many pending orders for one customer. */
export function isLimited(placedBy: string): boolean {
  return placedBy === 'guest' || placedBy.startsWith('customer:');
}
