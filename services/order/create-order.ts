// rpc CreateOrder: accepts an order, runs its saga within the call's deadline, and answers with what the run saw.
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CreateOrderRequest,
  CreateOrderResponse_Outcome,
  type CreateOrderResponseSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, DomainError, failedPrecondition } from '../platform/base/errors.ts';
import { excludeWait } from '../platform/base/service-time.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { callerName } from '../platform/identity/caller.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Call } from '../platform/server/call.ts';
import { isDatabaseOutage } from '../platform/storage/database.ts';
import { type PricingVersionFor, priceBasket, validateItems, validateProducts } from './basket.ts';
import { acceptOrder, type Order, requireOwnCustomerId } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { toOrderMessage, toReasonMessage, toStatusEvent } from './order-messages.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';
import type { OrderKey, OrderStore } from './order-store.ts';
import type { PriceStore } from './price-store.ts';
import type { Outcome, StepFailure } from './saga-table.ts';

// A pending order takes seconds, or until its dependencies are back.
const PENDING_RETRY_MS = 5_000;

export type CreateOrderDependencies = {
  readonly store: Pick<OrderStore, 'insert' | 'findByKey'>;
  readonly prices: PriceStore;
  readonly pricingVersionFor: PricingVersionFor;
  readonly saga: SagaDependencies;
  readonly changes: OrderChanges;
  /** The payment methods that are accepted; undefined accepts every token of the provider. */
  readonly paymentMethods: ReadonlySet<string> | undefined;
  /** The credential that synthetic orders need; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  readonly newOrderId: () => string;
  readonly now: () => Date;
};

/**
 * Creates an order, at most one for an idempotency key.
 * @throws {DomainError} INVALID_REQUEST, NOT_YOUR_CUSTOMER_ID, SYNTHETIC_NOT_ALLOWED, IDEMPOTENCY_KEY_REUSED, TOO_MANY_PENDING_ORDERS,
 * CATALOGUE_NOT_LOADED, or
 * DATABASE_UNAVAILABLE: a retry with the same key then returns whether the order was accepted.
 */
export async function createOrder(
  dependencies: CreateOrderDependencies,
  request: CreateOrderRequest,
  { deadline, headers, caller }: Call,
): Promise<MessageInitShape<typeof CreateOrderResponseSchema>> {
  const validation = createValidation();
  validateOrder(request, dependencies.paymentMethods, validation);
  validation.throwIfInvalid();
  requireOwnCustomerId(caller, request.customerId);
  if (request.synthetic) requireSyntheticCredential(headers, dependencies.syntheticCredential);
  const { idempotencyKey } = request;
  const key = { idempotencyKey, placedBy: callerName(caller), requestHash: hashRequest(request) };
  const order = await insertOrder(dependencies, request, key);
  if (order === undefined) return await answerDuplicate(dependencies, key, deadline);

  dependencies.saga.onChange(order, false);
  const result = await runSaga(dependencies.saga, order, deadline);
  return toResponse(result.order, result.failure);
}

/** Adds the violations that the contract cannot name: of duplicate or reserved products, and of the payment method. */
export function validateOrder(
  { items, synthetic, paymentMethod }: CreateOrderRequest,
  paymentMethods: ReadonlySet<string> | undefined,
  validation: Validation,
): void {
  validateItems(items, validation);
  validateProducts(items, synthetic, validation);
  if (paymentMethods?.has(paymentMethod) === false) {
    validation.add('payment_method', 'is not a payment method of the shop');
  }
}

// Most keys are new: the key is looked up only when it is taken, or when the order cannot be priced (a duplicate is answered even if its
// product is no longer sold). Undefined for a duplicate.
async function insertOrder(
  dependencies: CreateOrderDependencies,
  request: CreateOrderRequest,
  key: OrderKey,
): Promise<Order | undefined> {
  const { store } = dependencies;
  let order: Order;
  try {
    order = await priceOrder(dependencies, request, key.placedBy);
  } catch (error) {
    if (isDatabaseOutage(error) || (await store.findByKey(key)) === undefined) throw error;
    return undefined;
  }
  const isNew = await runWithCorrelation(order.orderId, () => store.insert(order, key, [toStatusEvent(order)]));
  return isNew ? order : undefined;
}

async function priceOrder(
  dependencies: CreateOrderDependencies,
  request: CreateOrderRequest,
  placedBy: string,
): Promise<Order> {
  const { customerId, paymentMethod, synthetic } = request;
  const pricingVersion = await dependencies.pricingVersionFor(customerId);
  const { items, total } = await priceBasket(dependencies.prices, request.items, pricingVersion);
  const orderId = dependencies.newOrderId();
  return acceptOrder(
    { orderId, customerId, placedBy, items, paymentMethod, total, pricingVersion, synthetic },
    dependencies.now(),
  );
}

// A duplicate waits for the run of the first call within its own deadline, and answers with the order as it is by then.
async function answerDuplicate({ store, changes }: CreateOrderDependencies, key: OrderKey, deadline: Deadline) {
  const known = await store.findByKey(key);
  if (known === undefined) {
    throw new DomainError({
      kind: 'resource_exhausted',
      reason: 'TOO_MANY_PENDING_ORDERS',
      message: 'this customer has too many pending orders: wait until one is confirmed, or cancel one',
      retryAfterMs: PENDING_RETRY_MS,
    });
  }
  if (known.requestHash !== key.requestHash) {
    throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'idempotency_key was used for another order');
  }
  return toResponse(await excludeWait(() => waitForResult(changes, known.order, deadline)), undefined);
}

async function waitForResult(changes: OrderChanges, known: Order, deadline: Deadline): Promise<Order> {
  let latest = known;
  for await (const order of changes.follow(known.orderId, AbortSignal.timeout(deadline.remainingMs()))) {
    latest = order;
    if (order.status !== 'PENDING' || order.reason !== undefined) break;
  }
  return latest;
}

function toResponse(
  order: Order,
  failure: StepFailure | undefined,
): MessageInitShape<typeof CreateOrderResponseSchema> {
  // A final status and its reason are the answer; the failed step of this run counts only while the order is pending.
  const isPending = order.status === 'PENDING';
  const outcome = (isPending ? failure?.outcome : undefined) ?? outcomeOf(order);
  const reason = isPending ? (failure?.reason ?? order.reason ?? 'BUDGET_EXHAUSTED') : order.reason;
  const newKey = reason === 'INVENTORY_ERROR';
  const retry = outcome === 'FAILED' && newKey ? { after: durationFromMs(DEFAULT_RETRY_AFTER_MS), newKey } : undefined;
  return {
    order: toOrderMessage(order),
    outcome: CreateOrderResponse_Outcome[outcome],
    reason: toReasonMessage(reason),
    ...(retry === undefined ? {} : { retry }),
  };
}

function outcomeOf({ status }: Order): Outcome {
  if (status === 'PENDING' || status === 'CONFIRMED') return status;
  // A refunded order did not fail: the caller must not take its order for one that may be placed again.
  return status === 'REFUNDED' ? 'CONFIRMED' : 'FAILED';
}

// Items in another order are the same content: each product is in the list once.
function hashRequest(request: CreateOrderRequest): string {
  const quantities = new Map(request.items.map((item) => [item.productId, item.quantity]));
  const items = [...quantities.keys()].sort().map((productId) => [productId, quantities.get(productId)]);
  const content = [request.customerId, items, request.paymentMethod, request.synthetic];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
