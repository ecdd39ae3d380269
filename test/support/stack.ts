// The platform as processes for an end-to-end test: free ports, a temporary data folder, clients for every service.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { connect, headers } from 'nats';
import { inject, vi } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { type Order, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import type { Stack, StackOptions } from '#local/stack/stack.ts';
import { connectTo } from './identity/stack-transport.ts';
import { startOwnStack } from './own-stack.ts';
import { acquireSharedStack, requestDataTemplate, type SharedStackName, type StackControl } from './shared-stacks.ts';

export type TestStack<Control extends StackControl = StackControl> = AsyncDisposable & {
  readonly stack: Control;
  readonly orders: Client<typeof OrderService>;
  readonly inventory: Client<typeof InventoryService>;
  readonly payments: Client<typeof PaymentService>;
  readonly notifications: Client<typeof NotificationService>;
  readonly analytics: Client<typeof AnalyticsService>;
  client<Service extends DescService>(name: ServiceName, service: Service): Client<Service>;
  /** The mails in the mailbox for a customer. */
  mails(customerId: string): Promise<Mail[]>;
  /** The lines that the processes printed, to diagnose a failure and to search for leaked secrets. */
  readOutput(): Promise<readonly string[]>;
};

export type Mail = {
  readonly message_id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
};

/**
 * Starts the platform; the monitor only where `services` names it, because its journeys would disturb other tests. `environment`
 * holds settings for all services. Disposal removes everything.
 */
export async function startTestStack(
  environment: Record<string, string> = {},
  options: Pick<StackOptions, 'serviceEnvironment' | 'services'> = {},
): Promise<TestStack<Stack>> {
  const template = await requestDataTemplate(inject('sharedStacksSocket'));
  const own = await startOwnStack(template, environment, options);
  return await withClients({ ...own, readOutput: async () => own.output });
}

/**
 * Returns the platform that other test files of the run use too; the first of them starts it. An exclusive one is this file's alone
 * until its disposal.
 */
export async function useSharedStack(name: SharedStackName): Promise<TestStack> {
  return await withClients(await acquireSharedStack(inject('sharedStacksSocket'), name));
}

async function withClients<Control extends StackControl>(
  running: Pick<TestStack<Control>, 'stack' | 'readOutput' | typeof Symbol.asyncDispose>,
): Promise<TestStack<Control>> {
  const { stack } = running;
  const client = <Service extends DescService>(name: ServiceName, service: Service) =>
    createClient(service, connectTo(stack, name));
  try {
    await waitForCatalogue(client('order', OrderService));
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
  return {
    stack,
    readOutput: running.readOutput,
    client,
    orders: client('order', OrderService),
    inventory: client('inventory', InventoryService),
    payments: client('payment', PaymentService),
    notifications: client('notification', NotificationService),
    analytics: client('analytics', AnalyticsService),
    mails: async (customerId) => {
      const to = encodeURIComponent(`${customerId}@customers.example`);
      const response = await fetch(`${stack.url('mailbox')}/messages?to=${to}`);
      const { messages } = (await response.json()) as { messages: Mail[] };
      return messages;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Waits for the prices: a healthy order service may still be loading them, and until then it cannot reject an unknown product. */
async function waitForCatalogue(orders: Client<typeof OrderService>): Promise<void> {
  const basket = { customerId: 'cust123', items: [{ productId: 'no-product', quantity: 1 }] };
  await vi.waitFor(async () => {
    const { code, message } = await failureOf(orders.quoteOrder(basket));
    if (code !== Code.InvalidArgument) throw new Error(`the catalogue is not loaded: ${message}`);
  }, PATIENCE);
}

/** A CreateOrder request for one product with an approved payment and a new key; `overrides` change it. */
export function orderRequest(overrides: Partial<OrderRequest> = {}): OrderRequest {
  return {
    idempotencyKey: randomUUID(),
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 1 }],
    paymentMethod: 'pm_approved',
    ...overrides,
  };
}

export type OrderRequest = {
  readonly idempotencyKey: string;
  readonly customerId: string;
  readonly items: { readonly productId: string; readonly quantity: number }[];
  readonly paymentMethod: string;
};

// Long enough for a busy machine; tests of a promised time set their own limit.
const PATIENCE = { timeout: 60_000, interval: 50 };

/**
 * Adds a product that no other test orders, and waits until the order service knows its price. Calls again as clients do, because a
 * statement of a busy database may take longer than the service waits.
 */
export async function addProduct(
  { inventory, orders }: Pick<TestStack, 'inventory' | 'orders'>,
  { onHand = 10, minorUnits = 1_000n, currencyCode = 'EUR' } = {},
): Promise<string> {
  const productId = `product-${randomUUID()}`;
  const unitPrice = { currencyCode, minorUnits };
  const product = { productId, name: 'Tin whistle', unitPrice, initialOnHand: onHand };
  await vi.waitFor(() => inventory.upsertProduct(product), PATIENCE);
  const basket = { customerId: 'cust123', items: [{ productId, quantity: 1 }] };
  await vi.waitFor(() => orders.quoteOrder(basket), PATIENCE);
  return productId;
}

/** Waits until an order has this status, by default CONFIRMED, and returns it. */
export async function awaitOrder(
  { orders }: Pick<TestStack, 'orders'>,
  orderId: string | undefined,
  status: OrderStatus = OrderStatus.CONFIRMED,
): Promise<Order> {
  return await vi.waitFor(async () => {
    const { order } = await orders.getOrder({ orderId: orderId ?? '' });
    if (order?.status !== status) {
      throw new Error(`order ${orderId} has status ${order?.status}, reason ${order?.reason}; not status ${status}`);
    }
    return order;
  }, PATIENCE);
}

/** Publishes an unreadable OrderCreated as the user in `natsUrl`. */
export async function publishUnreadable(natsUrl: string, eventId: string): Promise<void> {
  const { host, username, password } = new URL(natsUrl);
  const connection = await connect({ servers: host, user: username, pass: decodeURIComponent(password) });
  try {
    const envelope = headers();
    envelope.set('ce-id', eventId);
    const payload = new Uint8Array([255, 255, 255]);
    await connection
      .jetstream({ timeout: PATIENCE.timeout })
      .publish('shop.order.v1.OrderCreated', payload, { headers: envelope, msgID: eventId });
  } finally {
    await connection.close();
  }
}

/** A charge in the provider's ledger. */
export type ProviderCharge = { readonly id: string; readonly status: string; readonly refund_id?: string };

/** The provider's charges of an order, one for each attempt. */
export async function readProviderCharges({ stack }: TestStack, orderId: string): Promise<ProviderCharge[]> {
  const response = await fetch(`${stack.url('provider')}/v1/charges?order_id=${orderId}`);
  return ((await response.json()) as { charges: ProviderCharge[] }).charges;
}

/** The details of an error as a client reads them; each violation as `field: description`. */
export type Failure = {
  readonly code: Code;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly string[];
  readonly retryAfterMs: number | undefined;
};

/**
 * Returns the error of a call.
 * @throws {Error} when the call succeeds.
 */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (reason: unknown) => ConnectError.from(reason),
  );
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  return {
    code: error.code,
    message: error.rawMessage,
    reason: info?.reason,
    metadata: info?.metadata ?? {},
    violations: error
      .findDetails(BadRequestSchema)
      .flatMap((request) => request.fieldViolations.map(({ field, description }) => `${field}: ${description}`)),
    retryAfterMs: retry?.retryDelay === undefined ? undefined : durationMs(retry.retryDelay),
  };
}

/** The exit code and the output of a program. */
export type Ended = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end, or for 90 s, without a shell, with PATH, HOME, Node's options and `environment`. */
export function runProgram(
  file: string,
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  timeoutMs = 90_000,
): Promise<Ended> {
  const { PATH, HOME, NODE_OPTIONS, NODE_COMPILE_CACHE } = process.env;
  return new Promise((resolve) => {
    const options = { env: { PATH, HOME, NODE_OPTIONS, NODE_COMPILE_CACHE, ...environment }, timeout: timeoutMs };
    const child = execFile(file, given, options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}
