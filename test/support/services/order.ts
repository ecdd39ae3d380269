// A fixture with the real order service on a free port, a real database and broker, and virtual dependencies on real ports, which
// answer successfully until a test stubs them otherwise.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { Client as PostgresClient } from 'pg';
import { vi } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import type { Order, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { type CreateOrderRequestSchema, OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { loadConfig } from '#services/order/config.ts';
import { createOrderService } from '#services/order/service.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { asAllowedCaller, TEST_IDENTITY } from '../identity/credentials.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { PATIENCE } from '../patience.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { TEST_CREDENTIAL } from './order-builders.ts';

export type RunningOrderService = AsyncDisposable & {
  readonly url: string;
  readonly client: Client<typeof OrderService>;
  readonly ops: Client<typeof OpsService>;
  stop(): Promise<void>;
};

/** Starts the order service on a free port; `environment` holds its settings, like `ORDER_DATABASE_URL`. */
export async function startOrderService(environment: Record<string, string>): Promise<RunningOrderService> {
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    ORDER_PORT: '0',
    LOG_LEVEL: level,
    ...TEST_IDENTITY,
    SYNTHETIC_CREDENTIAL: TEST_CREDENTIAL,
    // Long enough that a slow machine does not shed the bursts of calls that tests make.
    MAX_QUEUE_MS: '30000',
    ...environment,
  });
  const service = createOrderService(config, createLog({ service: 'order', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [asAllowedCaller()] });
  return {
    url,
    client: createClient(OrderService, transport),
    ops: createClient(OpsService, transport),
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** The products of the virtual inventory, with their prices in cents. */
const PRODUCTS = { '12345': 5_999n, prod456: 2_000n, prod789: 1_250n, 'test-product': 100n };

/** A virtual dependency that can be stopped, and started again on its port. */
export type VirtualDependency = AsyncDisposable & {
  readonly url: string;
  /** The service since its last start, with its stubs and its journal of calls. */
  readonly virtual: VirtualService;
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
};

/** Starts a virtual inventory that has enough of every product. */
export function startVirtualInventory(): Promise<VirtualDependency> {
  return startDependency(InventoryService, stubInventory);
}

/** Starts a virtual payment that accepts every card. */
function startVirtualPayment(): Promise<VirtualDependency> {
  return startDependency(PaymentService, stubPayment);
}

async function startDependency(
  service: typeof InventoryService | typeof PaymentService,
  stub: (virtual: VirtualService) => void,
): Promise<VirtualDependency> {
  const start = async (port: number): Promise<VirtualService> => {
    const started = await startVirtualService({ services: [service], port });
    stub(started);
    return started;
  };
  let virtual = await start(0);
  const { url, port } = virtual;
  return {
    url,
    get virtual() {
      return virtual;
    },
    goDown: () => virtual.stop(),
    comeUp: async () => {
      // While the service was down, the system may have given the port to an outgoing connection.
      virtual = await vi.waitFor(() => start(port), { timeout: 10_000, interval: 50 });
    },
    [Symbol.asyncDispose]: () => virtual.stop(),
  };
}

function stubInventory(virtual: VirtualService): void {
  const { listProducts, checkAvailability, reserveStock, confirmReservation, releaseReservation } =
    InventoryService.method;
  const products = Object.entries(PRODUCTS).map(([productId, minorUnits]) => ({
    productId,
    unitPrice: { currencyCode: 'EUR', minorUnits },
    version: 1n,
  }));
  const answer = (state: ReservationState) => (request: { orderId: string }) => ({
    reservation: { reservationId: `res-${request.orderId}`, orderId: request.orderId, state },
  });
  virtual.stub(listProducts).replies({ products });
  virtual.stub(checkAvailability).replies(({ productId }) => ({ productId, available: true, quantity: 100 }));
  virtual.stub(reserveStock).replies(answer(ReservationState.RESERVED));
  virtual.stub(confirmReservation).replies(answer(ReservationState.CONFIRMED));
  virtual.stub(releaseReservation).replies(answer(ReservationState.RELEASED));
}

function stubPayment(virtual: VirtualService): void {
  const { processPayment, refundPayment } = PaymentService.method;
  virtual.stub(processPayment).replies(({ orderId }) => ({
    charge: { orderId, transactionId: `ch-${orderId}`, status: ChargeStatus.COMPLETED },
  }));
  virtual.stub(refundPayment).replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.REFUNDED } }));
}

export type OrderFixture = AsyncDisposable & {
  readonly database: TestDatabase;
  readonly nats: TestNats;
  readonly inventory: VirtualDependency;
  readonly payment: VirtualDependency;
  readonly service: RunningOrderService;
  readonly client: Client<typeof OrderService>;
  /** Starts another replica on the same database; it stops with the fixture. */
  startReplica(environment?: Record<string, string>): Promise<RunningOrderService>;
  /** Places an order that is valid except for `change`, under a new idempotency key. */
  place(
    change?: MessageInitShape<typeof CreateOrderRequestSchema>,
  ): ReturnType<Client<typeof OrderService>['createOrder']>;
  /** The order as GetOrder returns it. */
  read(orderId: string): Promise<Order>;
  /** Stubs both dependencies to answer successfully, as at the start. */
  heal(): void;
  /** Waits until an order has this status. Fails after `timeoutMs`. */
  reaches(orderId: string, status: OrderStatus, timeoutMs?: number): Promise<Order>;
  /** Runs a statement on the service's database. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
};

/** Starts the order service with its database, broker and healthy dependencies, and waits until its prices are loaded. */
export async function startOrderFixture(environment: Record<string, string> = {}): Promise<OrderFixture> {
  const resources = new AsyncDisposableStack();
  try {
    const database = resources.use(await createTestDatabase('order'));
    const session = new PostgresClient({ connectionString: database.superuserUrl });
    await session.connect();
    resources.defer(() => session.end());
    const nats = resources.use(await startTestNats());
    const inventory = resources.use(await startVirtualInventory());
    const payment = resources.use(await startVirtualPayment());
    const startReplica = async (more: Record<string, string> = {}) =>
      resources.use(
        await startOrderService({
          ORDER_DATABASE_URL: database.databaseUrl,
          NATS_URL: nats.url('order'),
          INVENTORY_URL: inventory.url,
          PAYMENT_URL: payment.url,
          ...environment,
          ...more,
        }),
      );
    const service = await startReplica();
    const sql = async <Row>(text: string, values: unknown[] = []) => (await session.query(text, values)).rows as Row[];
    await vi.waitFor(async () => {
      if ((await sql('select from catalogue_load')).length === 0) throw new Error('the prices are not loaded yet');
    }, PATIENCE);
    const read = async (orderId: string): Promise<Order> => {
      const { order } = await service.client.getOrder({ orderId });
      if (order === undefined) throw new Error('GetOrder answered without an order');
      return order;
    };
    return {
      database,
      nats,
      inventory,
      payment,
      service,
      client: service.client,
      startReplica,
      place: (change = {}) => service.client.createOrder(validRequest(change)),
      read,
      heal: () => {
        stubInventory(inventory.virtual);
        stubPayment(payment.virtual);
      },
      reaches: (orderId, status, timeoutMs = 5_000) =>
        vi.waitFor(
          async () => {
            const order = await read(orderId);
            if (order.status !== status)
              throw new Error(`the order is ${order.status} for ${order.reason}, not ${status}`);
            return order;
          },
          { timeout: timeoutMs, interval: 25 },
        ),
      sql,
      [Symbol.asyncDispose]: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

let requests = 0;

/** A valid request for one of 12345 by cust123, under a new idempotency key. */
export function validRequest(change: MessageInitShape<typeof CreateOrderRequestSchema> = {}) {
  requests += 1;
  return {
    idempotencyKey: `key-${requests}`,
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 1 }],
    paymentMethod: 'pm_approved',
    ...change,
  };
}

/**
 * The error that a call fails with.
 * @throws {Error} The call succeeded.
 */
export async function rpcFailureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call succeeded');
}
