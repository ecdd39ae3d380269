// Works an order towards its end: reserve, charge, decide, then sell or give back. There is no journal: a crash or a hindrance
// means running again, from the verdict if there is one, else from the start; neighbours answer repeats with their present state.
import type { Client } from '@connectrpc/connect';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import type { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { backoffMs } from '../platform/base/backoff.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { describeError } from '../platform/base/errors.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import type { Logger } from '../platform/observability/log.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import {
  decideConfirm,
  decideFail,
  finishConfirm,
  isOpen,
  isOverdue,
  notePaid,
  noteRefunded,
  noteReleased,
  noteReserved,
  type Order,
  park,
  recordStep,
} from './order.ts';
import { toStatusEvent } from './order-messages.ts';
import type { OrderStore, Resume } from './order-store.ts';
import { type CallStep, type Hindrance, judgeFailure, OVERDUE, PAYMENT_DECLINED } from './saga-table.ts';

/** Kept of every run's budget for the step after the verdict, in milliseconds. */
export const LAST_STEP_RESERVE_MS = 400;
const FIRST_RESUME_MS = 250;
const MAX_RESUME_MS = 10_000;
const MAX_CONFLICTS = 10;

export type SagaDependencies = {
  readonly inventory: Pick<
    Client<typeof InventoryService>,
    'reserveStock' | 'confirmReservation' | 'releaseReservation'
  >;
  readonly payment: Pick<Client<typeof PaymentService>, 'processPayment' | 'refundPayment'>;
  readonly store: Pick<OrderStore, 'find' | 'save'>;
  /** Told of every stored change, for those who wait for this order and for the relay; `hasEnded` when it brought the end state. */
  readonly changed: (order: Order, hasEnded: boolean) => void;
  readonly orderLimitMs: number;
  /** Sent with the calls for a synthetic order: the credential. */
  readonly syntheticHeaders: Readonly<Record<string, string>>;
  readonly now: () => Date;
  readonly log: Logger;
};

/** How a run ended: the order as stored, and what kept it from its end, if anything did. */
export type SagaResult = { readonly order: Order; readonly hindrance: Hindrance | undefined };

type StepResult =
  | { readonly order: Order }
  | { readonly order: Order; readonly step: CallStep; readonly hindrance: Hindrance; readonly detail: string };

/** Somebody else changed the order meanwhile: read it again and go on from there. */
class OrderChanged extends Error {
  override readonly name = 'OrderChanged';
}

/**
 * Runs the saga on an order until it ends, is hindered, or the deadline leaves no time. `attempts` is how often it was resumed.
 * Never throws for a neighbour's failure; throws DomainError when the database is away.
 */
export function runSaga(
  dependencies: SagaDependencies,
  order: Order,
  deadline: Deadline,
  attempts = 0,
): Promise<SagaResult> {
  return runWithCorrelation(order.orderId, async () => {
    let current = order;
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        return await advance(dependencies, current, deadline, attempts);
      } catch (error) {
        if (!(error instanceof OrderChanged) || conflicts === MAX_CONFLICTS) throw error;
        const stored = await dependencies.store.find(order.orderId);
        if (stored === undefined) throw new Error(`order ${order.orderId} is gone`, { cause: error });
        current = stored;
      }
    }
  });
}

async function advance(
  dependencies: SagaDependencies,
  start: Order,
  deadline: Deadline,
  attempts: number,
): Promise<SagaResult> {
  let order = start;
  let failure: Hindrance | undefined;
  if (isOpen(order) && order.verdict === undefined) {
    const result = await reachVerdict(dependencies, order, deadline);
    if ('hindrance' in result && result.hindrance.failed === undefined)
      return await parkOrder(dependencies, result, attempts);
    if ('hindrance' in result) failure = result.hindrance;
    order = await decide(dependencies, result);
  }
  if (!isOpen(order)) return { order, hindrance: failure };
  const result =
    order.verdict === 'CONFIRM'
      ? await sell(dependencies, order, deadline)
      : await giveBack(dependencies, order, deadline);
  if ('hindrance' in result) {
    const parked = await parkOrder(dependencies, result, attempts);
    return { order: parked.order, hindrance: failure ?? parked.hindrance };
  }
  return { order: result.order, hindrance: failure };
}

async function reachVerdict(dependencies: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  if (isOverdue(order, dependencies.orderLimitMs, dependencies.now())) {
    return { order, step: 'RESERVE_STOCK', hindrance: OVERDUE, detail: 'the time limit of the order has passed' };
  }
  const reserved = await reserve(dependencies, order, deadline);
  return 'hindrance' in reserved ? reserved : await charge(dependencies, reserved.order, deadline);
}

function reserve(dependencies: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  const { inventory, now } = dependencies;
  return attempt(order, 'RESERVE_STOCK', async () => {
    const lines = order.items.map(({ productId, quantity }) => ({ productId, quantity }));
    const { reservation } = await inventory.reserveStock(
      { orderId: order.orderId, lines, synthetic: order.synthetic },
      { timeoutMs: timeBeforeVerdict(deadline), ...headersFor(dependencies, order) },
    );
    if (reservation === undefined) {
      throw new DependencyError({
        dependency: 'inventory',
        failure: 'unreadable',
        description: 'answered without a reservation',
      });
    }
    return noteReserved(order, reservation.reservationId, now());
  });
}

async function charge(dependencies: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  const { payment, now } = dependencies;
  let declined: string | undefined;
  const result = await attempt(order, 'PROCESS_PAYMENT', async () => {
    const { charge } = await payment.processPayment(
      {
        orderId: order.orderId,
        idempotencyKey: `order:${order.orderId}`,
        customerId: order.customerId,
        amount: order.total,
        paymentMethod: order.paymentMethod,
        synthetic: order.synthetic,
      },
      { timeoutMs: timeBeforeVerdict(deadline), ...headersFor(dependencies, order) },
    );
    if (charge?.status === ChargeStatus.COMPLETED) return notePaid(order, charge.transactionId, now());
    if (charge?.status !== ChargeStatus.DECLINED && charge?.status !== ChargeStatus.REFUNDED) {
      throw new DependencyError({
        dependency: 'payment',
        failure: 'internal',
        description: 'answered with a charge that is not settled',
      });
    }
    declined = charge.declineMessage || charge.declineCode || 'the charge was refunded';
    return order;
  });
  if ('hindrance' in result || declined === undefined) return result;
  return { order: result.order, step: 'PROCESS_PAYMENT', hindrance: PAYMENT_DECLINED, detail: declined };
}

// The verdict is stored before stock is sold or anything is given back: every later run starts from it.
async function decide(dependencies: SagaDependencies, result: StepResult): Promise<Order> {
  const now = dependencies.now();
  if (!('hindrance' in result)) return await save(dependencies, result.order, decideConfirm(result.order, now));
  const { failed, reason } = result.hindrance;
  if (failed === undefined) throw new Error(`${reason} decides nothing`);
  // Nobody refused anything to an order whose time is up.
  const refused =
    result.hindrance === OVERDUE ? result.order : recordStep(result.order, result.step, 'REFUSED', now, result.detail);
  const decided = await save(dependencies, result.order, decideFail(refused, reason, failed, now));
  dependencies.log.info({ reason, detail: result.detail }, 'order failed');
  return decided;
}

async function sell(dependencies: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  const { inventory, now } = dependencies;
  const { orderId, reservationId } = order;
  const result = await attempt(order, 'CONFIRM_RESERVATION', async () => {
    await inventory.confirmReservation({ orderId, reservationId }, { timeoutMs: deadline.remainingMs() });
    return finishConfirm(order, now());
  });
  if ('hindrance' in result) return result;
  const confirmed = await save(dependencies, order, result.order);
  dependencies.log.info('order confirmed');
  return { order: confirmed };
}

// Both are tried, whatever becomes of the first: stock must not wait for money, nor money for stock.
async function giveBack(dependencies: SagaDependencies, start: Order, deadline: Deadline): Promise<StepResult> {
  const { inventory, payment, now } = dependencies;
  const { orderId, reservationId } = start;
  let order = start;
  let hindered: StepResult | undefined;
  if (order.owed.release) {
    const result = await attempt(order, 'RELEASE_RESERVATION', async () => {
      await inventory.releaseReservation({ orderId, reservationId }, { timeoutMs: deadline.remainingMs() });
      return noteReleased(order, now());
    });
    if ('hindrance' in result) {
      hindered = result;
      order = recordStep(order, 'RELEASE_RESERVATION', 'RETRYING', now(), result.detail);
    } else order = result.order;
  }
  if (order.owed.refund) {
    const before = order;
    const result = await attempt(order, 'REFUND_PAYMENT', async () => {
      await payment.refundPayment(
        { orderId, idempotencyKey: `refund:${orderId}` },
        { timeoutMs: deadline.remainingMs() },
      );
      return noteRefunded(before, now());
    });
    if ('hindrance' in result) hindered = result;
    else order = result.order;
  }
  if (hindered !== undefined) return { ...hindered, order };
  return { order: await save(dependencies, start, order) };
}

async function parkOrder(
  dependencies: SagaDependencies,
  hindered: Extract<StepResult, { hindrance: Hindrance }>,
  attempts: number,
): Promise<SagaResult> {
  const { order, step, hindrance, detail } = hindered;
  const parked = park(order, step, hindrance.reason, dependencies.now(), detail);
  const resume: Resume = { afterMs: backoffMs(attempts + 1, FIRST_RESUME_MS, MAX_RESUME_MS), attempts: attempts + 1 };
  dependencies.log.info({ step, reason: hindrance.reason, detail, resume_ms: resume.afterMs }, 'order waits');
  return { order: await save(dependencies, order, parked, resume), hindrance };
}

async function save(dependencies: SagaDependencies, previous: Order, next: Order, resume?: Resume): Promise<Order> {
  const version = previous.version;
  const hasEnded = next.status !== 'PENDING' && next.status !== previous.status;
  const events = hasEnded ? [toStatusEvent({ ...next, version: version + 1 })] : [];
  const saved = await dependencies.store.save(next, version, events, resume);
  if (saved === undefined) throw new OrderChanged(`order ${next.orderId} was changed by somebody else`);
  dependencies.changed(saved, hasEnded);
  return saved;
}

async function attempt(order: Order, step: CallStep, call: () => Promise<Order>): Promise<StepResult> {
  try {
    return { order: await call() };
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    return { order, step, hindrance: judgeFailure(step, error.failure, error.reason), detail: describeError(error) };
  }
}

function headersFor(
  { syntheticHeaders }: SagaDependencies,
  { synthetic }: Order,
): { headers?: Record<string, string> } {
  return synthetic ? { headers: syntheticHeaders } : {};
}

function timeBeforeVerdict(deadline: Deadline): number {
  return Math.max(0, deadline.remainingMs() - LAST_STEP_RESERVE_MS);
}
