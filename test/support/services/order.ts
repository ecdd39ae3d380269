// The order service in a test's hands: the real one on a port of the system's choice, with a real database and broker, beside
// virtual neighbours on real ports that answer as if all were well until a test tells them otherwise.
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
import { startTestNats, type TestNats } from '../nats.ts';
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
    SYNTHETIC_CREDENTIAL: TEST_CREDENTIAL,
    // Bursts of callers are tests of other things than of how fast the machine is.
    MAX_QUEUE_MS: '30000',
    ...environment,
  });
  const service = createOrderService(config, createLog({ service: 'order', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
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

/** A virtual neighbour that can go away and come back on its port. */
export interface VirtualDependency extends AsyncDisposable {
  readonly url: string;
  /** The service as it is now: with its stubs, and the journal of what it was asked since it last came back. */
  readonly virtual: VirtualService;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

/** Starts a virtual inventory that has enough of everything. */
export function startVirtualInventory(): Promise<VirtualDependency> {
  return startNeighbour(InventoryService, stubInventory);
}

/** Starts a virtual payment that takes every card. */
function startPaymentNeighbour(): Promise<VirtualDependency> {
  return startNeighbour(PaymentService, stubPayment);
}

async function startNeighbour(
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
    goAway: () => virtual.stop(),
    comeBack: async () => {
      // While nobody listened, the system may have lent the port to somebody's outgoing connection.
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
  /** Starts one more replica on the same database; it ends with the world. */
  startReplica(environment?: Record<string, string>): Promise<RunningOrderService>;
  /** Places an order that is valid but for what is given, under a key of its own. */
  place(
    change?: MessageInitShape<typeof CreateOrderRequestSchema>,
  ): ReturnType<Client<typeof OrderService>['createOrder']>;
  /** The order as it is stored. */
  read(orderId: string): Promise<Order>;
  /** Waits until an order has this status; fails after `timeoutMs`. */
  reaches(orderId: string, status: OrderStatus, timeoutMs?: number): Promise<Order>;
  /** Runs a statement behind the service's back. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
};

/** Starts the order service, its database and broker, and neighbours for whom all is well; waits until it knows its prices. */
export async function startOrderFixture(environment: Record<string, string> = {}): Promise<OrderFixture> {
  const resources = new AsyncDisposableStack();
  try {
    const database = resources.use(await createTestDatabase('order'));
    const nats = resources.use(await startTestNats());
    const inventory = resources.use(await startVirtualInventory());
    const payment = resources.use(await startPaymentNeighbour());
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
    const sql = <Row>(text: string, values: unknown[] = []) => runSql<Row>(database.superuserUrl, text, values);
    await vi.waitFor(async () => {
      if ((await sql('select from catalogue_load')).length === 0) throw new Error('the prices are not loaded yet');
    });
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

/** A request that is valid as it is, under a key of its own: one of 12345, for cust123. */
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

/** The error a call fails with. */
export async function rpcFailureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call succeeded');
}

async function runSql<Row>(url: string, text: string, values: unknown[]): Promise<Row[]> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}
