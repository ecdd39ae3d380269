// The platform of the matrix: all parts as processes, and a fault proxy before each thing that CreateOrder needs.
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { type FaultProxy, startFaultProxy } from '@touchstone/kit';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import type { InvariantSources } from '../../support/invariants/facts.ts';
import { sourcesOf } from '../../support/invariants/invariants.ts';
import type { DependencyName } from './cells.ts';

const SERVICES: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];
/** Of the product that is ordered: more than a run can sell. */
const ADDED_STOCK = 100_000;

// Only what comes after an answer is hurried: the limits of a call are those of production.
const FAST_SETTINGS = { LOG_LEVEL: 'info', BREAKER_RESET_MS: '500', PAYMENT_SETTLE_AFTER_MS: '1000' };

export const PRODUCT_ID = '12345';

export type FaultyPlatform = AsyncDisposable & {
  readonly stack: Stack;
  readonly services: readonly ServiceName[];
  readonly proxies: Readonly<Record<DependencyName, FaultProxy>>;
  readonly orders: Client<typeof OrderService>;
  /** Of the order service. */
  readonly status: Client<typeof OpsService>;
  readonly sources: InvariantSources;
  /** What the parts printed. */
  readonly output: readonly string[];
};

/** Starts everything; `seed` is the proxies'. Throws what startStack throws. `signal` calls it off. */
export async function startFaultyPlatform(seed: number, signal: AbortSignal): Promise<FaultyPlatform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-fault-matrix'));
  const output: string[] = [];
  // Read whenever a service starts: the proxies can only be named once the ports behind them are known.
  const serviceEnvironment: Record<'order' | 'payment', Record<string, string>> = { order: {}, payment: {} };
  const stack = resources.use(
    await startStack({
      dataDir: join(folder.path, 'data'),
      ports: 'free',
      durable: false,
      services: SERVICES,
      environment: { PATH: process.env.PATH, ...FAST_SETTINGS },
      serviceEnvironment,
      log: (part, line) => output.push(`${part} ${line}`),
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
  const transport = (name: ServiceName) => createConnectTransport({ baseUrl: stack.url(name), httpVersion: '1.1' });
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
