// rpc CreateOrder: accepts an order, works on it inside the call's budget, and answers what was seen.
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CreateOrderRequest,
  CreateOrderResponse_Outcome,
  type CreateOrderResponseSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { type Deadline, startDeadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, failedPrecondition } from '../platform/base/errors.ts';
import { excludeWait } from '../platform/base/service-time.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import { type PricingVersionFor, priceBasket, validateItems, validateSyntheticItems } from './basket.ts';
import { acceptOrder, type Order } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { toOrderMessage, toReasonMessage, toStatusEvent } from './order-messages.ts';
import { runSaga, type SagaDependencies, type SagaResult } from './order-saga.ts';
import type { KeyedOrder, OrderKey, OrderStore } from './order-store.ts';
import type { PriceStore } from './price-store.ts';
import type { Outcome } from './saga-table.ts';

const PAYMENT_METHOD = /^pm_[A-Za-z0-9_]{1,125}$/;

export type CreateOrderDependencies = {
  readonly store: Pick<OrderStore, 'insert' | 'findByKey'>;
  readonly prices: PriceStore;
  readonly pricingVersionFor: PricingVersionFor;
  readonly saga: SagaDependencies;
  readonly changes: OrderChanges;
  /** The payment methods taken; undefined takes every token of the provider. */
  readonly paymentMethods: ReadonlySet<string> | undefined;
  /** Allows synthetic orders; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  readonly newOrderId: () => string;
  readonly now: () => Date;
};

/**
 * Creates an order and returns what became of it within `budgetMs` milliseconds; `headers` are the call's. Throws DomainError: bad
 * input, a synthetic order without its credential, a key used for other content, or a database that is away (whether the order
 * was accepted is told by repeating the key).
 */
export async function createOrder(
  dependencies: CreateOrderDependencies,
  request: CreateOrderRequest,
  budgetMs: number,
  headers = new Headers(),
): Promise<MessageInitShape<typeof CreateOrderResponseSchema>> {
  const deadline = startDeadline(budgetMs);
  validate(request, dependencies.paymentMethods);
  if (request.synthetic) requireSyntheticCredential(headers, dependencies.syntheticCredential);
  const requestHash = hashRequest(request);
  const known = await dependencies.store.findByKey(request.idempotencyKey);
  if (known !== undefined) return await answerRepeat(dependencies, known, requestHash, deadline);

  const order = await priceOrder(dependencies, request);
  const key = { idempotencyKey: request.idempotencyKey, requestHash };
  const inserted = await runWithCorrelation(order.orderId, () =>
    dependencies.store.insert(order, key, [toStatusEvent(order)]),
  );
  if (!inserted) return await answerLostRace(dependencies, key, deadline);

  dependencies.saga.changed(order, false);
  return answer(await runSaga(dependencies.saga, order, deadline));
}

function validate(request: CreateOrderRequest, paymentMethods: ReadonlySet<string> | undefined): void {
  const validation = createValidation();
  validation.text('idempotency_key', request.idempotencyKey);
  validation.text('customer_id', request.customerId);
  validateItems(request.items, validation);
  if (request.synthetic) validateSyntheticItems(request.items, validation);
  if (!PAYMENT_METHOD.test(request.paymentMethod)) {
    validation.add('payment_method', 'must be a token of the payment provider, like pm_approved');
  } else if (paymentMethods?.has(request.paymentMethod) === false) {
    validation.add('payment_method', 'is not a payment method of the shop');
  }
  validation.throwIfInvalid();
}

async function priceOrder(dependencies: CreateOrderDependencies, request: CreateOrderRequest): Promise<Order> {
  const { customerId, paymentMethod, synthetic } = request;
  const pricingVersion = await dependencies.pricingVersionFor(customerId);
  const { items, total } = await priceBasket(dependencies.prices, request.items, pricingVersion);
  const orderId = dependencies.newOrderId();
  return acceptOrder(
    { orderId, customerId, items, paymentMethod, total, pricingVersion, synthetic },
    dependencies.now(),
  );
}

// The statement that lost the key could not see the winner's row; a new statement does.
async function answerLostRace(dependencies: CreateOrderDependencies, key: OrderKey, deadline: Deadline) {
  const winner = await dependencies.store.findByKey(key.idempotencyKey);
  if (winner === undefined) throw new Error('an idempotency key is taken by no order');
  return await answerRepeat(dependencies, winner, key.requestHash, deadline);
}

// A repeat waits for the first call's run, as long as its own budget lasts, and tells how the order then stands.
async function answerRepeat(
  { changes }: CreateOrderDependencies,
  known: KeyedOrder,
  requestHash: string,
  deadline: Deadline,
) {
  if (known.requestHash !== requestHash) {
    throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'idempotency_key was used for another order');
  }
  const latest = await excludeWait(() => followUntilTold(changes, known.order, deadline));
  return answer({ order: latest, hindrance: undefined });
}

async function followUntilTold(changes: OrderChanges, known: Order, deadline: Deadline): Promise<Order> {
  let latest = known;
  for await (const order of changes.follow(known.orderId, AbortSignal.timeout(deadline.remainingMs()))) {
    latest = order;
    if (order.status !== 'PENDING' || order.reason !== undefined) break;
  }
  return latest;
}

function answer({ order, hindrance }: SagaResult): MessageInitShape<typeof CreateOrderResponseSchema> {
  // A decided order speaks for itself; what this run met on the way matters only while the order is pending.
  const isPending = order.status === 'PENDING';
  const outcome = (isPending ? hindrance?.outcome : undefined) ?? outcomeOf(order);
  const reason = isPending ? (hindrance?.reason ?? order.reason ?? 'BUDGET_EXHAUSTED') : order.reason;
  const newKey = reason === 'INVENTORY_ERROR';
  const retry = outcome === 'FAILED' && newKey ? { after: durationFromMs(DEFAULT_RETRY_AFTER_MS), newKey } : undefined;
  return {
    order: toOrderMessage(order),
    outcome: CreateOrderResponse_Outcome[outcome],
    reason: toReasonMessage(reason),
    ...(retry === undefined ? {} : { retry }),
  };
}

function outcomeOf(order: Order): Outcome {
  if (order.status === 'PENDING' || order.status === 'CONFIRMED') return order.status;
  return 'FAILED';
}

function hashRequest(request: CreateOrderRequest): string {
  const items = request.items.map((item) => [item.productId, item.quantity]);
  const content = [request.customerId, items, request.paymentMethod, request.synthetic];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
