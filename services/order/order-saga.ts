// The order saga: reserve, charge, decide, then confirm or compensate. There is no journal: after a crash or a failed step the
// saga runs again, from the verdict if there is one, else from the start. Dependencies answer a duplicate with the present state.
import type { Client } from '@connectrpc/connect';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import type { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { backoffMs } from '../platform/base/backoff.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { describeError } from '../platform/base/errors.ts';
import { findTextFault } from '../platform/base/text.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import {
  decideConfirm,
  decideFail,
  isOpen,
  isOverdue,
  markBlocked,
  markConfirmed,
  markPaid,
  markRefunded,
  markReleased,
  markReserved,
  type Order,
  recordStep,
} from './order.ts';
import { type UpdateDependencies, updateOrder } from './order-changes.ts';
import type { Resume } from './order-store.ts';
import {
  type CallStep,
  PAYMENT_DECLINED,
  PAYMENT_FAILING,
  PAYMENT_GIVEN_UP,
  type StepFailure,
  type TerminalFailure,
  TIME_LIMIT,
  toStepFailure,
} from './saga-table.ts';

/** Kept of every run's budget for the step after the verdict, in milliseconds. */
export const LAST_STEP_RESERVE_MS = 400;
const FIRST_RESUME_MS = 250;
const MAX_ID_LENGTH = 1_000;
const DEFAULT_MAX_RESUME_MS = 10_000;

export type SagaDependencies = UpdateDependencies & {
  readonly inventory: Pick<
    Client<typeof InventoryService>,
    'reserveStock' | 'confirmReservation' | 'releaseReservation'
  >;
  readonly payment: Pick<Client<typeof PaymentService>, 'processPayment' | 'refundPayment'>;
  readonly orderLimitMs: number;
  /** How old an order may get whose payment the provider itself fails, while it holds its stock. */
  readonly failingPaymentLimitMs: number;
  /** The longest delay before a blocked order is worked on again; 10 s by default. */
  readonly maxResumeMs?: number;
  /** Sent with the calls for a synthetic order: the credential. */
  readonly syntheticHeaders: Readonly<Record<string, string>>;
  readonly now: () => Date;
};

/** How a run ended; `order` is as stored. */
export type SagaResult =
  /** No work is left; `failure` is set when this run failed the order. */
  | { readonly kind: 'ended'; readonly order: Order; readonly failure: TerminalFailure | undefined }
  /** The order is blocked: the background runs the saga again. `failure` is what decided the order, else what blocks it. */
  | { readonly kind: 'waiting'; readonly order: Order; readonly failure: StepFailure };

type FailedStep = {
  readonly kind: 'failed';
  readonly order: Order;
  readonly step: CallStep;
  readonly failure: StepFailure;
  readonly detail: string;
};
type StepResult = { readonly kind: 'done'; readonly order: Order } | FailedStep;

/** One run, until the deadline; `attempts` is how often the order was resumed before. */
type Run = { readonly deadline: Deadline; readonly attempts: number };

/** What a phase of the saga stores. */
type Phase =
  | {
      readonly kind: 'passed';
      readonly order: Order;
      readonly failure: TerminalFailure | undefined;
      readonly detail?: string;
    }
  | {
      readonly kind: 'blocked';
      readonly order: Order;
      readonly resume: Resume;
      readonly failure: StepFailure;
      readonly step: CallStep;
      readonly detail: string;
    };

/**
 * Runs the saga on an order until no work is left, a step fails, or the deadline leaves no time. A dependency's failure is part
 * of the result.
 * @param attempts How often the order was resumed before.
 * @throws {DomainError} DATABASE_UNAVAILABLE.
 */
export function runSaga(
  dependencies: SagaDependencies,
  order: Order,
  deadline: Deadline,
  attempts = 0,
): Promise<SagaResult> {
  const run: Run = { deadline, attempts };
  return runWithCorrelation(order.orderId, async (): Promise<SagaResult> => {
    const decision = await updateOrder(dependencies, order, (latest) => decide(dependencies, latest, run));
    if (decision.kind === 'blocked') return toWaiting(dependencies, decision);
    const end = await updateOrder(dependencies, decision.order, (latest) => carryOut(dependencies, latest, run));
    if (end.kind === 'blocked') return toWaiting(dependencies, end, decision.failure);
    return { kind: 'ended', order: end.order, failure: decision.failure };
  });
}

function toWaiting(
  { log }: SagaDependencies,
  { order, step, failure, detail, resume }: Extract<Phase, { kind: 'blocked' }>,
  decisive?: TerminalFailure,
): SagaResult {
  log.info({ step, reason: failure.reason, detail, resume_ms: resume.afterMs }, 'order blocked');
  return { kind: 'waiting', order, failure: decisive ?? failure };
}

/** The phase up to the verdict: reserves and charges. */
async function decide(dependencies: SagaDependencies, order: Order, run: Run): Promise<Phase> {
  if (!isOpen(order) || order.verdict !== undefined) return pass(order);
  const { now } = dependencies;
  const result = await reachVerdict(dependencies, order, run.deadline);
  if (result.kind === 'done') return pass(decideConfirm(result.order, now()));
  const { failure, step, detail } = result;
  if (failure.kind === 'retryable') return block(dependencies, result, run);
  // No step refused an order whose time limit passed: the verdict's own entry says why it failed.
  const refused = failure === TIME_LIMIT ? result.order : recordStep(result.order, step, 'REFUSED', now(), detail);
  return { kind: 'passed', order: decideFail(refused, failure.reason, failure.owed, now()), failure, detail };
}

/** The phase after the verdict, which is stored by then: confirms or compensates. */
async function carryOut(dependencies: SagaDependencies, order: Order, run: Run): Promise<Phase> {
  if (!isOpen(order)) return pass(order);
  // Only a confirmation leaves an order pending after its verdict; every other open order owes compensation, a refunded one too.
  const carry = order.status === 'PENDING' ? confirm : compensate;
  const result = await carry(dependencies, order, run.deadline);
  return result.kind === 'done' ? pass(result.order) : block(dependencies, result, run);
}

function pass(order: Order): Phase {
  return { kind: 'passed', order, failure: undefined };
}

function block(
  { now, maxResumeMs = DEFAULT_MAX_RESUME_MS }: SagaDependencies,
  { order, step, failure, detail }: FailedStep,
  { attempts }: Run,
): Phase {
  const resume: Resume = { afterMs: backoffMs(attempts + 1, FIRST_RESUME_MS, maxResumeMs), attempts: attempts + 1 };
  return {
    kind: 'blocked',
    order: markBlocked(order, step, failure.reason, now(), detail),
    resume,
    failure,
    step,
    detail,
  };
}

async function reachVerdict(dependencies: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  if (isOverdue(order, dependencies.orderLimitMs, dependencies.now())) {
    const detail = 'the time limit of the order has passed';
    return { kind: 'failed', order, step: 'RESERVE_STOCK', failure: TIME_LIMIT, detail };
  }
  const reserved = await reserve(dependencies, order, deadline);
  return reserved.kind === 'failed' ? reserved : await charge(dependencies, reserved.order, deadline);
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
    return markReserved(order, readId('inventory', reservation.reservationId), now());
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
    if (charge?.status === ChargeStatus.COMPLETED)
      return markPaid(order, readId('payment', charge.transactionId), now());
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
  if (result.kind === 'failed') {
    const isGivenUp =
      result.failure === PAYMENT_FAILING && isOverdue(result.order, dependencies.failingPaymentLimitMs, now());
    if (!isGivenUp) return result;
    return { ...result, failure: PAYMENT_GIVEN_UP, detail: 'the payment provider fails every attempt of this payment' };
  }
  if (declined === undefined) return result;
  return {
    kind: 'failed',
    order: result.order,
    step: 'PROCESS_PAYMENT',
    failure: PAYMENT_DECLINED,
    detail: declined,
  };
}

function confirm({ inventory, now }: SagaDependencies, order: Order, deadline: Deadline): Promise<StepResult> {
  const { orderId, reservationId } = order;
  return attempt(order, 'CONFIRM_RESERVATION', async () => {
    await inventory.confirmReservation({ orderId, reservationId }, { timeoutMs: deadline.remainingMs() });
    return markConfirmed(order, now());
  });
}

// The refund is tried even after the release failed: one dependency's outage must not hold up the other's compensation.
async function compensate(
  { inventory, payment, now }: SagaDependencies,
  start: Order,
  deadline: Deadline,
): Promise<StepResult> {
  const { orderId, reservationId } = start;
  let order = start;
  let failed: FailedStep | undefined;
  if (order.owed.release) {
    const result = await attempt(order, 'RELEASE_RESERVATION', async () => {
      await inventory.releaseReservation({ orderId, reservationId }, { timeoutMs: deadline.remainingMs() });
      return markReleased(order, now());
    });
    if (result.kind === 'failed') {
      failed = result;
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
      return markRefunded(before, now());
    });
    if (result.kind === 'failed') failed = result;
    else order = result.order;
  }
  return failed === undefined ? { kind: 'done', order } : { ...failed, order };
}

async function attempt(order: Order, step: CallStep, call: () => Promise<Order>): Promise<StepResult> {
  try {
    return { kind: 'done', order: await call() };
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    const failure = toStepFailure(step, error.failure, error.reason);
    return { kind: 'failed', order, step, failure, detail: describeError(error) };
  }
}

// An id that cannot be stored would fail every run of the saga.
function readId(dependency: string, id: string): string {
  if (id.length <= MAX_ID_LENGTH && findTextFault(id) === undefined) return id;
  throw new DependencyError({
    dependency,
    failure: 'unreadable',
    description: 'answered with an id that cannot be stored',
  });
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
