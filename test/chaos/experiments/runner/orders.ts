// The orders of experiments: placing them, and probing their state.
import type { DescEnum } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderReasonSchema, OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_OutcomeSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { acknowledgedOrder } from '../../../support/invariants/invariants.ts';
import type { Random } from '../../soak/random.ts';
import type { ExperimentContext, ProbeResult } from './experiment.ts';
import type { Platform } from './platform.ts';

const CALL_MS = 8_000;
const MAX_ATTEMPTS = 30;
const RETRY_AFTER_MS = 500;

export type PlacedOrder = {
  readonly idempotencyKey: string;
  readonly orderId: string;
  /** Like `CONFIRMED` or `TIMEOUT`. */
  readonly outcome: string;
  /** Like `INVENTORY_UNAVAILABLE`; `UNSPECIFIED` when there is none. */
  readonly reason: string;
  readonly tookMs: number;
};

export type OrderOptions = {
  readonly productId?: string;
  readonly quantity?: number;
  readonly paymentMethod?: string;
  readonly customerId?: string;
  readonly idempotencyKey?: string;
};

/** Draws a unique idempotency key. */
export function drawKey(random: Random): string {
  return `chaos-${Math.floor(random.next() * 2 ** 32).toString(16)}-${Math.floor(random.next() * 2 ** 32).toString(16)}`;
}

/**
 * Places an order, without retries. Records the acknowledged order for the invariants.
 *
 * @throws {ConnectError} the call failed.
 */
export async function placeOrder(platform: Platform, random: Random, options: OrderOptions = {}): Promise<PlacedOrder> {
  const { productId = '12345', quantity = 1, paymentMethod = 'pm_approved', customerId = 'chaos' } = options;
  const { idempotencyKey = drawKey(random) } = options;
  const startMs = performance.now();
  const request = { idempotencyKey, customerId, items: [{ productId, quantity }], paymentMethod };
  const answer = await platform.orders.createOrder(request, { timeoutMs: CALL_MS });
  const tookMs = performance.now() - startMs;
  const acknowledged = acknowledgedOrder(idempotencyKey, answer);
  platform.acknowledged.push(acknowledged);
  const { orderId } = acknowledged;
  return {
    idempotencyKey,
    orderId,
    outcome: nameOf(CreateOrderResponse_OutcomeSchema, answer.outcome),
    reason: nameOf(OrderReasonSchema, answer.reason),
    tookMs,
  };
}

/** Places orders one after the other. */
export async function placeOrders(
  platform: Platform,
  random: Random,
  count: number,
  options: OrderOptions = {},
): Promise<PlacedOrder[]> {
  const placed: PlacedOrder[] = [];
  while (placed.length < count) placed.push(await placeOrder(platform, random, options));
  return placed;
}

/** Describes orders in a report, grouped by outcome and reason. */
export function describeAll(placed: readonly PlacedOrder[]): string {
  const groups = Map.groupBy(placed, ({ outcome, reason }) =>
    reason === 'UNSPECIFIED' ? outcome : `${outcome} for ${reason}`,
  );
  return [...groups]
    .map(([words, same]) => {
      const slowestMs = Math.round(Math.max(...same.map(({ tookMs }) => tookMs)));
      return same.length === 1
        ? `${words} in ${slowestMs} ms`
        : `${same.length} times ${words}, the slowest in ${slowestMs} ms`;
    })
    .join('; ');
}

/** Probes whether all these orders have a status. */
export async function haveStatus(
  platform: Platform,
  placed: readonly Pick<PlacedOrder, 'orderId'>[],
  status = 'CONFIRMED',
): Promise<ProbeResult> {
  const found = await Promise.all(
    placed.map(({ orderId }) => platform.orders.getOrder({ orderId }, { timeoutMs: CALL_MS })),
  );
  const statuses = found.map(({ order }) =>
    order === undefined ? 'MISSING' : nameOf(OrderStatusSchema, order.status),
  );
  const matching = statuses.filter((each) => each === status).length;
  return { holds: matching === placed.length, seen: `${matching} of ${placed.length} orders are ${status}` };
}

/** Probes whether each of these orders has exactly one captured charge without a refund. */
export async function areChargedOnce(
  platform: Platform,
  placed: readonly Pick<PlacedOrder, 'orderId'>[],
): Promise<ProbeResult> {
  const counts = await Promise.all(
    placed.map(async ({ orderId }) => {
      const response = await fetch(`${platform.stack.url('provider')}/v1/charges?order_id=${orderId}`, {
        signal: AbortSignal.timeout(CALL_MS),
      });
      const { charges } = (await response.json()) as { charges: { status: string; refund_id?: string }[] };
      return charges.filter(({ status, refund_id }) => status === 'captured' && refund_id === undefined).length;
    }),
  );
  const once = counts.filter((count) => count === 1).length;
  return { holds: once === placed.length, seen: `${once} of ${placed.length} orders have exactly one captured charge` };
}

/** Returns the error of a call, with its retry delay; undefined when the call succeeds. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ words: string; code: ConnectError['code']; retryAfterMs: number | undefined } | undefined> {
  try {
    await call;
    return undefined;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    const retryAfterMs = delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
    return { words: error.message, code: error.code, retryAfterMs };
  }
}

/** Probes whether a number is at most `max`. */
export function within(what: string, value: number, max: number, unit = 'ms'): ProbeResult {
  return { holds: value <= max, seen: `${what} ${Math.round(value)} ${unit}, at most ${max} expected` };
}

function nameOf(schema: DescEnum, number: number): string {
  return schema.value[number]?.localName ?? String(number);
}

/** Places an order, and retries with the same key while calls fail. `tookMs` is that of the answered call. */
export async function placeUntilAnswered(
  { subject, random, signal }: Pick<ExperimentContext, 'subject' | 'random' | 'signal'>,
  options: OrderOptions = {},
): Promise<PlacedOrder> {
  const idempotencyKey = options.idempotencyKey ?? drawKey(random);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await placeOrder(subject, random, { ...options, idempotencyKey });
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || signal.aborted) throw error;
    }
    await pause(RETRY_AFTER_MS, signal);
  }
}

/** Counts the mails of a customer by distinct Message-ID. */
export async function countMails({ stack }: Platform, customerId: string): Promise<number> {
  const to = encodeURIComponent(`${customerId}@customers.example`);
  const response = await fetch(`${stack.url('mailbox')}/messages?to=${to}`, { signal: AbortSignal.timeout(CALL_MS) });
  const { messages } = (await response.json()) as { messages: { message_id: string }[] };
  return new Set(messages.map(({ message_id }) => message_id)).size;
}
