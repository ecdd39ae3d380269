// The customer of the matrix: places orders, keeps what was response, and follows each order to its end.
import { randomUUID } from 'node:crypto';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderReasonSchema, OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import {
  type CreateOrderResponse,
  CreateOrderResponse_OutcomeSchema,
  type OrderService,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { type AcknowledgedOrder, acknowledgedOrder } from '../../support/invariants/invariants.ts';
import type { Answer, Refusal } from './judge.ts';
import { PRODUCT_ID } from './platform.ts';

// Longer than an answer may take: how long it took is judged, not cut off.
const CALL_MS = 10_000;
const POLL_MS = 20;

/** An order as it was placed: `response` is what its first call was response. */
export type PlacedOrder = { readonly key: string; readonly response: Answer | Refusal; readonly tookMs: number };

export class OrderClient {
  /** Every answer, for the invariants. */
  readonly acknowledged: AcknowledgedOrder[] = [];
  readonly #orders: Client<typeof OrderService>;
  readonly #signal: AbortSignal;

  constructor(orders: Client<typeof OrderService>, signal: AbortSignal) {
    this.#orders = orders;
    this.#signal = signal;
  }

  /** Places a fresh order. Never throws for what the service says. */
  async place(): Promise<PlacedOrder> {
    const key = randomUUID();
    const startedAt = performance.now();
    try {
      const response = await this.#create(key);
      return { key, response: toAnswer(response), tookMs: performance.now() - startedAt };
    } catch (error) {
      return { key, response: toRefusal(error), tookMs: performance.now() - startedAt };
    }
  }

  /** Waits until an order has ended; returns its status, or undefined when that takes longer than `limitMs`. */
  async awaitEnd({ key }: PlacedOrder, limitMs: number): Promise<string | undefined> {
    const over = AbortSignal.any([this.#signal, AbortSignal.timeout(limitMs)]);
    while (!over.aborted) {
      const status = await this.#look(key);
      if (status !== undefined && status !== 'PENDING') return status;
      await pause(POLL_MS, over);
    }
    return undefined;
  }

  // A refused client retries with the same key: only that shows whether the order was accepted.
  async #look(key: string): Promise<string | undefined> {
    try {
      const known = this.acknowledged.find(({ idempotencyKey }) => idempotencyKey === key);
      if (known === undefined) return toAnswer(await this.#create(key)).status;
      const { order } = await this.#orders.getOrder({ orderId: known.orderId }, this.#callOptions());
      return nameOf(OrderStatusSchema, order?.status);
    } catch (error) {
      if (ConnectError.from(error).code === Code.Canceled) throw error;
      return undefined;
    }
  }

  async #create(key: string): Promise<CreateOrderResponse> {
    const items = [{ productId: PRODUCT_ID, quantity: 1 }];
    const request = { idempotencyKey: key, customerId: `cust-${key}`, items, paymentMethod: 'pm_approved' };
    const response = await this.#orders.createOrder(request, this.#callOptions());
    this.acknowledged.push(acknowledgedOrder(key, response));
    return response;
  }

  #callOptions() {
    return { timeoutMs: CALL_MS, signal: this.#signal };
  }
}

function toAnswer({ outcome, reason, order }: CreateOrderResponse): Answer {
  return {
    outcome: nameOf(CreateOrderResponse_OutcomeSchema, outcome),
    reason: nameOf(OrderReasonSchema, reason),
    status: nameOf(OrderStatusSchema, order?.status),
  };
}

function toRefusal(thrown: unknown): Refusal {
  const error = ConnectError.from(thrown);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: Code[error.code],
    message: error.rawMessage,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    retryAfterMs: delay && durationMs(delay),
  };
}

type Enumeration = { readonly value: Readonly<Record<number, { readonly localName: string }>> };

function nameOf(enumeration: Enumeration, value: number | undefined): string {
  return enumeration.value[value ?? 0]?.localName ?? String(value);
}
