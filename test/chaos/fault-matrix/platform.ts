// The platform of the fault matrix: every process of the stack, and a fault proxy for each dependency of CreateOrder.
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { type FaultProxy, startFaultProxy } from '@touchstone/kit';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';
import type { InvariantSources } from '../../support/invariants/facts.ts';
import { sourcesOf } from '../../support/invariants/invariants.ts';
import type { DependencyName } from './cells.ts';

const SERVICES: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];
/** The added stock of the ordered product: more than a run can sell. */
const ADDED_STOCK = 100_000;

// Shortens only what happens after an answer: the timeouts of calls are those of production.
const FAST_SETTINGS = { LOG_LEVEL: 'info', BREAKER_RESET_MS: '500', PAYMENT_SETTLE_AFTER_MS: '1000' };

export const PRODUCT_ID = '12345';

export type FaultyPlatform = AsyncDisposable & {
  readonly stack: Stack;
  readonly services: readonly ServiceName[];
  readonly proxies: Readonly<Record<DependencyName, FaultProxy>>;
  readonly orders: Client<typeof OrderService>;
  /** The ops RPCs of the order service. */
  readonly status: Client<typeof OpsService>;
  readonly sources: InvariantSources;
  /** The output of the processes. */
  readonly output: readonly string[];
};

/** Starts everything. `seed` is the seed of the proxies; `signal` aborts the start. */
export async function startFaultyPlatform(seed: number, signal: AbortSignal): Promise<FaultyPlatform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-fault-matrix'));
  const output: string[] = [];
  // Read at every start of a service: the URLs of the proxies are known only after the first start.
  const serviceEnvironment: Record<'order' | 'payment', Record<string, string>> = { order: {}, payment: {} };
  const stack = resources.use(
    await startStack({
      dataDir: join(folder.path, 'data'),
      ports: 'free',
      durable: false,
      services: SERVICES,
      environment: { PATH: process.env.PATH, ...NO_CUSTOMER_LIMIT, ...FAST_SETTINGS },
      serviceEnvironment,
      log: (process, line) => output.push(`${process} ${line}`),
      signal,
    }),
  );
  const start = async (upstream: string): Promise<FaultProxy> =>
    resources.use(await startFaultProxy({ upstream, seed }));
  const proxies = {
    inventory: await start(stack.url('inventory')),
    payment: await start(stack.url('payment')),
    provider: await start(stack.url('provider')),
    database: await start(stack.databaseUrl('order')),
    nats: await start(stack.natsUrl('order')),
  };
  serviceEnvironment.order = {
    INVENTORY_URL: proxies.inventory.url,
    PAYMENT_URL: proxies.payment.url,
    ORDER_DATABASE_URL: proxies.database.url,
    NATS_URL: proxies.nats.url,
  };
  serviceEnvironment.payment = { PAYMENT_PROVIDER_URL: proxies.provider.url };
  for (const name of ['payment', 'order'] as const) {
    await stack.stop(name);
    await stack.start(name);
  }
  const transport = (name: ServiceName) => connectTo(stack, name);
  await createClient(InventoryService, transport('inventory')).adjustStock({
    idempotencyKey: 'fault-matrix',
    productId: PRODUCT_ID,
    delta: ADDED_STOCK,
  });
  const owned = resources.move();
  return {
    stack,
    services: SERVICES,
    proxies,
    orders: createClient(OrderService, transport('order')),
    status: createClient(OpsService, transport('order')),
    sources: sourcesOf(stack),
    output,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
