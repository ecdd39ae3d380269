// A client of a soak: runs a scenario, and retries calls that fail with the same idempotency key, as every client has to.
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import type { CreateOrderResponse, OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { acknowledgedOrder } from '../../support/invariants/invariants.ts';
import type { Journal } from './journal.ts';
import type { OrderRequest, Scenario } from './scenario.ts';

// Longer than the platform's own budget: outcomes then come from the platform, not from this timeout.
const CALL_MS = 6_000;
const RETRY_AFTER_MS = 1_000;
const FIND_ORDER_POLL_MS = 100;
// A call without an answer by then is retried once more at the end of the soak, when no faults are injected.
const RETRY_LIMIT_MS = 60_000;

export type CallerDependencies = {
  readonly orders: Client<typeof OrderService>;
  readonly journal: Journal;
  /** Aborts the soak. */
  readonly signal: AbortSignal;
};

/** Runs a scenario until its calls are answered or the retry limit is over; the journal records what it sees. */
export async function runScenario(dependencies: CallerDependencies, scenario: Scenario): Promise<void> {
  const { request, kind } = scenario;
  switch (kind) {
    case 'duplicate':
      await Promise.all([placeOrder(dependencies, request), placeOrder(dependencies, request)]);
      await placeOrder(dependencies, request);
      return;
    case 'cancelled':
      await Promise.all([placeOrder(dependencies, request), cancelOrder(dependencies, scenario)]);
      return;
    case 'reused':
      await placeOrder(dependencies, request);
      await reuseKey(dependencies, request);
      return;
    default:
      await placeOrder(dependencies, request);
  }
}

/** Places an order, with retries. Returns the answer, or undefined after an abort or the retry limit. */
export async function placeOrder(
  dependencies: CallerDependencies,
  request: OrderRequest,
): Promise<CreateOrderResponse | undefined> {
  const { orders, journal } = dependencies;
  return await retry(dependencies, request.idempotencyKey, 'CreateOrder', async () => {
    const startTime = performance.now();
    const response = await orders.createOrder(request, { timeoutMs: CALL_MS });
    const atMs = performance.now();
    journal.answered({
      acknowledged: acknowledgedOrder(request.idempotencyKey, response),
      atMs,
      tookMs: atMs - startTime,
    });
    return response;
  });
}

async function reuseKey(dependencies: CallerDependencies, request: OrderRequest): Promise<void> {
  const [item, ...others] = request.items;
  if (item === undefined) throw new Error('an order has no items');
  const other = { ...request, items: [{ ...item, quantity: item.quantity + 1 }, ...others] };
  await retry(dependencies, request.idempotencyKey, 'CreateOrder', async () => {
    try {
      const { order } = await dependencies.orders.createOrder(other, { timeoutMs: CALL_MS });
      dependencies.journal.fault(
        `key ${request.idempotencyKey} with other content was answered with order ${order?.orderId}`,
      );
    } catch (error) {
      if (reasonOf(error) !== 'IDEMPOTENCY_KEY_REUSED') throw error;
    }
    return true;
  });
}

async function cancelOrder(dependencies: CallerDependencies, { request, cancelAfterMs }: Scenario): Promise<void> {
  const { orders, journal, signal } = dependencies;
  const { idempotencyKey, customerId } = request;
  await pause(cancelAfterMs, signal);
  const orderId = await findOrder(dependencies, idempotencyKey, customerId);
  if (orderId === undefined) return;
  await retry(dependencies, idempotencyKey, 'CancelOrder', async () => {
    const startTime = performance.now();
    try {
      const { order } = await orders.cancelOrder({ orderId }, { timeoutMs: CALL_MS });
      if (order?.status !== OrderStatus.CANCELLED) {
        journal.fault(`CancelOrder of ${orderId} was answered with an order that is not cancelled`);
        return true;
      }
      const acknowledged = { idempotencyKey, orderId, status: 'CANCELLED', outcome: 'FAILED' } as const;
      const atMs = performance.now();
      journal.answered({ acknowledged, atMs, tookMs: atMs - startTime });
    } catch (error) {
      if (reasonOf(error) !== 'ORDER_NOT_CANCELLABLE') throw error;
      journal.cancelRefused(orderId);
    }
    return true;
  });
}

/** Waits for the order of a customer who has only one, and returns its id. */
async function findOrder(
  dependencies: CallerDependencies,
  idempotencyKey: string,
  customerId: string,
): Promise<string | undefined> {
  const over = AbortSignal.any([dependencies.signal, AbortSignal.timeout(RETRY_LIMIT_MS)]);
  while (!over.aborted) {
    const found = await retry(dependencies, idempotencyKey, 'ListOrders', () =>
      dependencies.orders.listOrders({ customerId }, { timeoutMs: CALL_MS }),
    );
    const orderId = found?.orders[0]?.orderId;
    if (orderId !== undefined) return orderId;
    await pause(FIND_ORDER_POLL_MS, over);
  }
  return undefined;
}

async function retry<Result>(
  { journal, signal }: CallerDependencies,
  idempotencyKey: string,
  rpc: string,
  call: () => Promise<Result>,
): Promise<Result | undefined> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(RETRY_LIMIT_MS)]);
  while (!over.aborted) {
    const startMs = performance.now();
    try {
      return await call();
    } catch (error) {
      const failure = ConnectError.from(error);
      journal.failed({
        idempotencyKey,
        rpc,
        code: isBrokenConnection(failure) ? 'Aborted' : Code[failure.code],
        reason: reasonOf(failure) ?? '',
        message: failure.rawMessage,
        startMs,
        hasRetryInfo: failure.findDetails(RetryInfoSchema).length > 0,
      });
    }
    await pause(RETRY_AFTER_MS, over);
  }
  return undefined;
}

// The client maps EPIPE to `internal`, but no server returned that code.
function isBrokenConnection({ cause }: ConnectError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EPIPE';
}

function reasonOf(error: unknown): string | undefined {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
}
