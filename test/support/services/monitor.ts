// The monitor fixture: the real service on a free port, with a virtual order service.
import type { Client as RpcClient } from '@connectrpc/connect';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { Client } from 'pg';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { loadConfig } from '#services/monitor/config.ts';
import { createMonitorService } from '#services/monitor/service.ts';
import { createLog } from '#services/platform/observability/log.ts';
import type { Service } from '#services/platform/runtime/service-runtime.ts';
import { openConnection } from '../clients.ts';
import { TEST_IDENTITY } from '../identity/credentials.ts';
import { startTestNats } from '../nats.ts';
import { createTestDatabase } from '../postgres.ts';
import { TEST_CREDENTIAL } from './order-builders.ts';

const ONE_DAY_MS = '86400000';

export type MonitorReplica = AsyncDisposable & {
  readonly url: string;
  readonly client: RpcClient<typeof MonitorService>;
  readonly service: Service;
};

export type MonitorFixture = MonitorReplica & {
  /** The virtual order service; every journey succeeds unless a test stubs it. */
  readonly shop: VirtualService;
  /** Runs a statement in its database, bypassing the service. */
  sql<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Starts one more replica. */
  startReplica(environment?: Record<string, string>): Promise<MonitorReplica>;
};

/** Starts a monitor with its dependencies. Its schedule is idle for a day unless `environment` sets another interval. */
export async function startMonitorFixture(environment: Record<string, string> = {}): Promise<MonitorFixture> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('monitor'));
  const nats = resources.use(await startTestNats());
  const shop = resources.use(await startVirtualService({ services: [OrderService] }));
  stubJourneys(shop);
  const session = new Client({ connectionString: database.superuserUrl });
  await session.connect();
  resources.defer(() => session.end());
  const settings = {
    MONITOR_DATABASE_URL: database.databaseUrl,
    NATS_URL: nats.url('monitor'),
    ORDER_URL: shop.url,
    JOURNEY_INTERVAL_MS: ONE_DAY_MS,
    JOURNEY_LIMIT_MS: '2000',
    ...environment,
  };
  const startReplica = (change: Record<string, string> = {}) => startMonitor({ ...settings, ...change });
  const replica = resources.use(await startReplica());
  const owned = resources.move();
  return {
    ...replica,
    shop,
    startReplica,
    sql: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await session.query(text, [...values])).rows as Row[],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startMonitor(environment: Record<string, string>): Promise<MonitorReplica> {
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    MONITOR_PORT: '0',
    LOG_LEVEL: level,
    ...TEST_IDENTITY,
    SYNTHETIC_CREDENTIAL: TEST_CREDENTIAL,
    ...environment,
  });
  const service = createMonitorService(config, createLog({ service: 'monitor', level }));
  const { url } = await service.start();
  const connection = openConnection(url);
  return {
    url,
    client: connection.client(MonitorService),
    service,
    [Symbol.asyncDispose]: async () => {
      connection[Symbol.dispose]();
      await service.stop();
    },
  };
}

function stubJourneys(shop: VirtualService): void {
  const { createOrder, cancelOrder, quoteOrder } = OrderService.method;
  const price = { currencyCode: 'EUR', minorUnits: 100n };
  const test = { orderId: 'order-1', synthetic: true };
  shop
    .stub(createOrder, { paymentMethod: 'pm_approved' })
    .replies({ order: { ...test, status: OrderStatus.CONFIRMED } });
  shop
    .stub(createOrder, { paymentMethod: 'pm_insufficient_funds' })
    .replies({ order: { ...test, status: OrderStatus.FAILED, reason: OrderReason.PAYMENT_FAILED } });
  shop
    .stub(createOrder, { paymentMethod: 'pm_provider_error' })
    .replies({ order: { ...test, status: OrderStatus.PENDING } });
  shop
    .stub(cancelOrder)
    .replies({ order: { ...test, status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER } });
  shop.stub(quoteOrder).replies({
    total: price,
    pricingVersion: 'v1',
    lines: [{ productId: 'test-product', quantity: 1, unitPrice: price, amount: price }],
  });
}
