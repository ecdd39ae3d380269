// One caller of a soak: does its scenario and repeats what was not answered, as every client of the platform has to.
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import type { CreateOrderResponse, OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { acknowledgedOrder } from '../../support/invariants/invariants.ts';
import type { Journal } from './journal.ts';
import type { Scenario, OrderRequest } from './scenario.ts';

// Longer than the platform's own budget: what a caller gives up on is acknowledged by the platform, not by its clock.
const CALL_MS = 6_000;
const REPEAT_AFTER_MS = 1_000;
const LOOK_FOR_ORDER_MS = 100;
// Who is not answered for so long is acknowledged at the end, when nothing is struck any more.
const MAX_PATIENCE_MS = 60_000;

export type CallerDependencies = {
  readonly orders: Client<typeof OrderService>;
  readonly journal: Journal;
  /** Calls everything off. */
  readonly signal: AbortSignal;
};

/** Does an scenario until its order was acknowledged or patience ends; what was seen is in the journal. */
export async function runScenario(dependencies: CallerDependencies, scenario: Scenario): Promise<void> {
  const { request, kind } = scenario;
  switch (kind) {
    case 'repeated':
      await Promise.all([placeOrder(dependencies, request), placeOrder(dependencies, request)]);
      await placeOrder(dependencies, request);
      return;
    case 'cancelled':
      await Promise.all([placeOrder(dependencies, request), cancelOrder(dependencies, scenario)]);
      return;
    case 'reused':
      await placeOrder(dependencies, request);
      await placeOther(dependencies, request);
      return;
    default:
      await placeOrder(dependencies, request);
  }
}

/** Asks for an order until it is acknowledged; returns the answer, or undefined when the signal came first or patience ended. */
export async function placeOrder(
  dependencies: CallerDependencies,
  request: OrderRequest,
): Promise<CreateOrderResponse | undefined> {
  const { orders, journal } = dependencies;
  return await repeat(dependencies, request.idempotencyKey, 'CreateOrder', async () => {
    const startTime = performance.now();
    const response = await orders.createOrder(request, { timeoutMs: CALL_MS });
    const atMs = performance.now();
    journal.answered({ acknowledged: acknowledgedOrder(request.idempotencyKey, response), atMs, tookMs: atMs - startTime });
    return response;
  });
}

async function placeOther(dependencies: CallerDependencies, request: OrderRequest): Promise<void> {
  const [item, ...others] = request.items;
  if (item === undefined) throw new Error('an order has no items');
  const other = { ...request, items: [{ ...item, quantity: item.quantity + 1 }, ...others] };
  await repeat(dependencies, request.idempotencyKey, 'CreateOrder', async () => {
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
  await repeat(dependencies, idempotencyKey, 'CancelOrder', async () => {
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

/** The order of a customer who has only one, once it is accepted. */
async function findOrder(
  dependencies: CallerDependencies,
  idempotencyKey: string,
  customerId: string,
): Promise<string | undefined> {
  const patience = AbortSignal.any([dependencies.signal, AbortSignal.timeout(MAX_PATIENCE_MS)]);
  while (!patience.aborted) {
    const found = await repeat(dependencies, idempotencyKey, 'ListOrders', () =>
      dependencies.orders.listOrders({ customerId }, { timeoutMs: CALL_MS }),
    );
    const orderId = found?.orders[0]?.orderId;
    if (orderId !== undefined) return orderId;
    await pause(LOOK_FOR_ORDER_MS, patience);
  }
  return undefined;
}

async function repeat<Result>(
  { journal, signal }: CallerDependencies,
  idempotencyKey: string,
  rpc: string,
  call: () => Promise<Result>,
): Promise<Result | undefined> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(MAX_PATIENCE_MS)]);
  while (!patience.aborted) {
    const beganMs = performance.now();
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
        beganMs,
        hasRetryInfo: failure.findDetails(RetryInfoSchema).length > 0,
      });
    }
    await pause(REPEAT_AFTER_MS, patience);
  }
  return undefined;
}

// The client calls a connection that broke while it wrote an internal error; no server said so.
function isBrokenConnection({ cause }: ConnectError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EPIPE';
}

function reasonOf(error: unknown): string | undefined {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
}
