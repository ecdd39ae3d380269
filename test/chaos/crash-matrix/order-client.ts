// A customer at the platform's counter: places orders, cancels them, repeats keys after a crash, and keeps a journal of every answer.
import { randomUUID } from 'node:crypto';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { toDependencyError } from '#services/platform/client/dependency-error.ts';
import { type AcknowledgedOrder, acknowledgedOrder } from '../../support/invariants/invariants.ts';
import { type OrderRequest, orderRequest } from '../../support/stack.ts';

const CALL_MS = 4_000;
const REPEAT_MS = 15_000;
const PAUSE_MS = 100;
type PlacedOrder = { readonly request: OrderRequest; readonly cancel: boolean };

export class OrderClient {
  /** Everything that was answered, since the stack was started. */
  readonly acknowledged: AcknowledgedOrder[] = [];
  readonly #orders: Client<typeof OrderService>;
  #placed: PlacedOrder[] = [];
  /** The orders whose cancellation was answered: that stands, whatever happens. */
  readonly #answered = new Set<string>();
  /** Called after each answer to an order, and each failure of one. */
  #onAnswer: () => Promise<void> = async () => undefined;

  constructor(orders: Client<typeof OrderService>) {
    this.#orders = orders;
  }

  /** Forgets the orders placed so far; `onAnswer` is called after each answer from now on. */
  begin(onAnswer: () => Promise<void>): void {
    this.#placed = [];
    this.#onAnswer = onAnswer;
  }

  /**
   * Places an order of one piece of a product. Returns its id, or undefined when the call failed. `cancel` tells that it is to be
   * cancelled in the end, whatever happens on the way.
   */
  async place(wish: Partial<OrderRequest> & { cancel?: boolean } = {}): Promise<string | undefined> {
    const { cancel = false, ...overrides } = wish;
    const request = orderRequest({ idempotencyKey: `crash-${randomUUID()}`, ...overrides });
    this.#placed.push({ request, cancel });
    const orderId = await this.#callOnce(request);
    await this.#onAnswer();
    return orderId;
  }

  /** Places one order by two calls at once. */
  async placeConcurrently(): Promise<void> {
    const request = orderRequest({ idempotencyKey: `crash-${randomUUID()}` });
    this.#placed.push({ request, cancel: false });
    await Promise.all([this.#callOnce(request), this.#callOnce(request)]);
    await this.#onAnswer();
  }

  /** Cancels an order if the call gets through; `settle` sees to it otherwise. */
  async tryToCancel(orderId: string | undefined): Promise<void> {
    if (orderId === undefined) return;
    if ((await this.#cancelOnce(orderId)) !== undefined) this.#answered.add(orderId);
  }

  /** Repeats every key placed since `begin` until it is answered, and cancels what is to be cancelled. Throws when time is over. */
  async settle(): Promise<void> {
    await Promise.all(
      this.#placed.map(async ({ request, cancel }) => {
        const orderId = await this.#repeat(request);
        if (cancel && !this.#answered.has(orderId)) await this.#cancel(orderId);
      }),
    );
  }

  /** Repeats every key once more, when all is at rest: the answers go to the journal, to be judged like any. */
  async retryAll(): Promise<void> {
    await Promise.all(this.#placed.map(({ request }) => this.#repeat(request)));
  }

  async #callOnce(request: OrderRequest): Promise<string | undefined> {
    const answer = await tolerate(() => this.#orders.createOrder(request, { timeoutMs: CALL_MS }));
    if (answer === undefined) return undefined;
    const acknowledged = acknowledgedOrder(request.idempotencyKey, answer);
    this.acknowledged.push(acknowledged);
    return acknowledged.orderId;
  }

  #repeat(request: OrderRequest): Promise<string> {
    return retryUntilAnswered(`key ${request.idempotencyKey}`, () => this.#callOnce(request));
  }

  async #cancel(orderId: string): Promise<void> {
    await retryUntilAnswered(`the cancellation of ${orderId}`, () => this.#cancelOnce(orderId));
  }

  /** Undefined when it is not known whether the order is cancelled. */
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
}

/** Calls until there is an answer. Throws what repeating does not help against, and when 15 s have not helped. */
export async function retryUntilAnswered<Answer>(
  what: string,
  call: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const timeout = AbortSignal.timeout(REPEAT_MS);
  for (;;) {
    const answer = await call();
    if (answer !== undefined) return answer;
    if (timeout.aborted) throw new Error(`${what} was not answered within ${REPEAT_MS} ms`);
    await pause(PAUSE_MS, timeout);
  }
}

/** What the call answers; undefined when it failed in a way that a crash explains. Throws anything else. */
export async function tolerate<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call();
  } catch (error) {
    throwUnlessTransient(error);
    return undefined;
  }
}

/** A process that dies breaks connections; it never makes another answer with a refusal, or with an error of its own. */
function throwUnlessTransient(error: unknown): void {
  const { failure } = toDependencyError('the platform', error, false);
  if (failure === 'refused' || failure === 'internal') throw error;
}
