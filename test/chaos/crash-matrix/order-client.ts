// The client of the matrix: places, cancels and refunds orders, retries keys after a crash, and records every acknowledged order.
import { randomUUID } from 'node:crypto';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { toDependencyError } from '#services/platform/client/dependency-error.ts';
import { type AcknowledgedOrder, acknowledgedOrder } from '../../support/invariants/invariants.ts';
import { type OrderRequest, orderRequest } from '../../support/stack.ts';

const CALL_MS = 4_000;
const RETRY_LIMIT_MS = 15_000;
const RETRY_DELAY_MS = 100;
type PlacedOrder = { readonly request: OrderRequest; readonly cancel: boolean; readonly refund: boolean };

export class OrderClient {
  /** Every order acknowledged since the stack was started. */
  readonly acknowledged: AcknowledgedOrder[] = [];
  readonly #orders: Client<typeof OrderService>;
  #placed: PlacedOrder[] = [];
  /** The orders whose cancellation or refund was answered. */
  readonly #answered = new Set<string>();
  /** Called after each answer and each failure of CreateOrder. */
  #onAnswer: () => Promise<void> = async () => undefined;

  constructor(orders: Client<typeof OrderService>) {
    this.#orders = orders;
  }

  /** Forgets the orders placed so far, and calls `onAnswer` after each answer from now on. */
  begin(onAnswer: () => Promise<void>): void {
    this.#placed = [];
    this.#onAnswer = onAnswer;
  }

  /**
   * Places an order. Returns its id, or undefined when the call failed. With `cancel` or `refund`, `settle` makes sure that it is
   * cancelled or refunded in the end.
   */
  async place(
    options: Partial<OrderRequest> & { cancel?: boolean; refund?: boolean } = {},
  ): Promise<string | undefined> {
    const { cancel = false, refund = false, ...overrides } = options;
    const request = orderRequest({ idempotencyKey: `crash-${randomUUID()}`, ...overrides });
    this.#placed.push({ request, cancel, refund });
    const orderId = await this.#callOnce(request);
    await this.#onAnswer();
    return orderId;
  }

  /** Places one order by two concurrent calls with the same key. */
  async placeConcurrently(): Promise<void> {
    const request = orderRequest({ idempotencyKey: `crash-${randomUUID()}` });
    this.#placed.push({ request, cancel: false, refund: false });
    await Promise.all([this.#callOnce(request), this.#callOnce(request)]);
    await this.#onAnswer();
  }

  /** Tries to cancel an order; `settle` retries when the call fails. */
  async tryToCancel(orderId: string | undefined): Promise<void> {
    if (orderId === undefined) return;
    if ((await this.#cancelOnce(orderId)) !== undefined) this.#answered.add(orderId);
  }

  /** Tries to refund an order; `settle` retries when the call fails, or comes before the confirmation. */
  async tryToRefund(orderId: string | undefined): Promise<void> {
    if (orderId === undefined) return;
    if ((await this.#refundOnce(orderId)) !== undefined) this.#answered.add(orderId);
  }

  /**
   * Retries every key placed since `begin` until it is answered, and cancels and refunds the orders to be cancelled and refunded.
   *
   * @throws {Error} a call was not answered in time.
   */
  async settle(): Promise<void> {
    await Promise.all(
      this.#placed.map(async ({ request, cancel, refund }) => {
        const orderId = await this.#retry(request);
        if (this.#answered.has(orderId)) return;
        if (cancel) await this.#cancel(orderId);
        if (refund) await retryUntilAnswered(`the refund of ${orderId}`, () => this.#refundOnce(orderId));
      }),
    );
  }

  /** Retries every key once more at quiescence, so that the invariants also judge these answers. */
  async retryAll(): Promise<void> {
    await Promise.all(this.#placed.map(({ request }) => this.#retry(request)));
  }

  async #callOnce(request: OrderRequest): Promise<string | undefined> {
    const answer = await tolerate(() => this.#orders.createOrder(request, { timeoutMs: CALL_MS }));
    if (answer === undefined) return undefined;
    const acknowledged = acknowledgedOrder(request.idempotencyKey, answer);
    this.acknowledged.push(acknowledged);
    return acknowledged.orderId;
  }

  #retry(request: OrderRequest): Promise<string> {
    return retryUntilAnswered(`key ${request.idempotencyKey}`, () => this.#callOnce(request));
  }

  async #cancel(orderId: string): Promise<void> {
    await retryUntilAnswered(`the cancellation of ${orderId}`, () => this.#cancelOnce(orderId));
  }

  /** Returns undefined when the outcome of the cancellation is unknown. */
  async #cancelOnce(orderId: string): Promise<'cancelled' | 'refused' | undefined> {
    try {
      await this.#orders.cancelOrder({ orderId }, { timeoutMs: CALL_MS });
      return 'cancelled';
    } catch (error) {
      if (ConnectError.from(error).code === Code.FailedPrecondition) return 'refused';
      throwUnlessTransient(error);
      return undefined;
    }
  }

  /** Returns undefined when the outcome of the refund is unknown, or the order is not confirmed yet. */
  async #refundOnce(orderId: string): Promise<'refunded' | undefined> {
    try {
      await this.#orders.refundOrder({ orderId }, { timeoutMs: CALL_MS });
      return 'refunded';
    } catch (error) {
      if (ConnectError.from(error).code !== Code.FailedPrecondition) throwUnlessTransient(error);
      return undefined;
    }
  }
}

/**
 * Retries a call until it is answered.
 *
 * @throws {Error} the call fails in a way that a crash does not explain, or is not answered within 15 s.
 */
export async function retryUntilAnswered<Answer>(
  what: string,
  call: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const timeout = AbortSignal.timeout(RETRY_LIMIT_MS);
  for (;;) {
    const answer = await call();
    if (answer !== undefined) return answer;
    if (timeout.aborted) throw new Error(`${what} was not answered within ${RETRY_LIMIT_MS} ms`);
    await pause(RETRY_DELAY_MS, timeout);
  }
}

/** Returns the answer of a call; undefined when it failed in a way that a crash explains. Rethrows any other error. */
export async function tolerate<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call();
  } catch (error) {
    throwUnlessTransient(error);
    return undefined;
  }
}

/** A crash breaks connections; it must never cause a refusal or an internal error. */
function throwUnlessTransient(error: unknown): void {
  const { failure } = toDependencyError('the platform', error, false);
  if (failure === 'refused' || failure === 'internal') throw error;
}
