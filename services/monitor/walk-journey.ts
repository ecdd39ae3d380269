// One run of a journey over the RPCs that customers use. This file makes the calls and maps the contract; journey.ts checks the
// responses.
import type { DescEnum } from '@bufbuild/protobuf';
import { type Client, ConnectError } from '@connectrpc/connect';
import { type Order, OrderReasonSchema, OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import type { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { DependencyError, toDependencyError } from '../platform/client/dependency-error.ts';
import {
  checkEnd,
  checkPlaced,
  checkQuote,
  hasEnded,
  JourneyFailure,
  type JourneyName,
  ORDER_JOURNEYS,
  type OrderJourney,
  type SeenOrder,
  TEST_CUSTOMER,
  TEST_PRODUCT,
} from './journey.ts';

export type JourneyDependencies = {
  readonly orders: Pick<Client<typeof OrderService>, 'createOrder' | 'watchOrder' | 'cancelOrder' | 'quoteOrder'>;
  /** Headers of every call, with the synthetic credential. */
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Runs a journey to its end within the deadline.
 * @param key the idempotency key of its order.
 * @param onPlaced called with the order's id as soon as the order exists.
 * @throws {JourneyFailure}
 */
export async function walkJourney(
  dependencies: JourneyDependencies,
  journey: JourneyName,
  key: string,
  deadline: Deadline,
  onPlaced: (orderId: string) => void,
): Promise<void> {
  try {
    if (journey === 'QUOTE') await quote(dependencies, deadline);
    else await placeOrder(dependencies, ORDER_JOURNEYS[journey], key, deadline, onPlaced);
  } catch (error) {
    throw toJourneyFailure(error, deadline);
  }
}

async function placeOrder(
  { orders, headers }: JourneyDependencies,
  plan: OrderJourney,
  key: string,
  deadline: Deadline,
  onPlaced: (orderId: string) => void,
): Promise<void> {
  const answer = await orders.createOrder(
    {
      idempotencyKey: key,
      customerId: TEST_CUSTOMER,
      items: [{ productId: TEST_PRODUCT, quantity: 1 }],
      paymentMethod: plan.paymentMethod,
      synthetic: true,
    },
    { timeoutMs: deadline.remainingMs(), headers },
  );
  let order = checkPlaced(answer.order && toSeenOrder(answer.order));
  onPlaced(order.orderId);
  if (plan.cancels) {
    const cancelled = await orders.cancelOrder(
      { orderId: order.orderId },
      { timeoutMs: deadline.remainingMs(), headers },
    );
    order = checkPlaced(cancelled.order && toSeenOrder(cancelled.order));
  }
  checkEnd(hasEnded(order) ? order : await waitForEnd({ orders, headers }, order, deadline), plan);
}

async function waitForEnd(
  { orders, headers }: JourneyDependencies,
  placed: SeenOrder,
  deadline: Deadline,
): Promise<SeenOrder> {
  const changes = orders.watchOrder({ orderId: placed.orderId }, { timeoutMs: deadline.remainingMs(), headers });
  let latest = placed;
  for await (const { order } of changes) {
    latest = checkPlaced(order && toSeenOrder(order));
    if (hasEnded(latest)) return latest;
  }
  throw new JourneyFailure('WRONG_ANSWER', `the order stopped changing while it was ${latest.status}`);
}

async function quote({ orders, headers }: JourneyDependencies, deadline: Deadline): Promise<void> {
  const { total, pricingVersion, lines } = await orders.quoteOrder(
    { customerId: TEST_CUSTOMER, items: [{ productId: TEST_PRODUCT, quantity: 1 }] },
    { timeoutMs: deadline.remainingMs(), headers },
  );
  checkQuote({
    total: total?.minorUnits,
    pricingVersion,
    lines: lines.map(({ productId, quantity, amount }) => ({ productId, quantity, amount: amount?.minorUnits ?? 0n })),
  });
}

function toSeenOrder({ orderId, status, reason, synthetic }: Order): SeenOrder {
  return { orderId, status: nameOf(OrderStatusSchema, status), reason: nameOf(OrderReasonSchema, reason), synthetic };
}

function nameOf(schema: DescEnum, number: number): string {
  return schema.value[number]?.localName ?? String(number);
}

function toJourneyFailure(thrown: unknown, deadline: Deadline): JourneyFailure {
  if (thrown instanceof JourneyFailure) return thrown;
  // A stream that breaks after its first message throws a ConnectError, not yet mapped by the client.
  const error = thrown instanceof ConnectError ? toDependencyError('order', thrown, false) : thrown;
  if (!(error instanceof DependencyError)) throw error;
  // A call aborted by the journey's own deadline says nothing about the service called last.
  if (error.failure === 'timeout' || error.failure === 'not_called' || deadline.remainingMs() === 0) {
    return new JourneyFailure('TOO_SLOW', `the journey did not end in time: ${error.message}`, error);
  }
  const isAnswered = error.failure === 'refused' || error.failure === 'not_understood';
  const kind = isAnswered ? 'REFUSED' : 'UNREACHABLE';
  return new JourneyFailure(kind, error.message, error);
}
