// The platform as a cluster: three brokers, a database server with a standby, two replicas of every service.
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { type Client, createClient } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { createBalancedTransport } from '#services/platform/client/balanced-transport.ts';
import { toDependencyError } from '#services/platform/client/dependency-error.ts';
import { createReplicaAddresses } from '#services/platform/client/replica-addresses.ts';
import { createReplicaChoice } from '#services/platform/client/replica-choice.ts';
import { createReplicaConnections } from '#services/platform/client/replica-connections.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { type NatsCluster, startNatsCluster } from '../../support/cluster/nats-cluster.ts';
import { type PostgresPair, startPostgresPair } from '../../support/cluster/postgres-pair.ts';
import { until } from '../../support/cluster/until.ts';
import { asAllowedCaller, createTokens, NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';
import { ADDED_STOCK, PLENTIFUL } from '../soak/scenario.ts';

const START_DEADLINE_MS = 180_000;
const CALL_TIMEOUT_MS = 10_000;
// A journey seldom runs: the load is that of the test.
const JOURNEY_INTERVAL_MS = 3_600_000;

export type ClusterPlatform = AsyncDisposable & {
  readonly stack: Stack;
  readonly brokers: NatsCluster;
  readonly databases: PostgresPair;
  /** Calls the replicas of the order service in turn, as another service would. */
  readonly orders: Client<typeof OrderService>;
};

/** Starts everything and adds stock; resolves when orders are accepted. */
export async function startClusterPlatform(signal: AbortSignal, keptLog: string | undefined): Promise<ClusterPlatform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-cluster'));
  // The database server's account must be able to traverse this folder; its name is random.
  await chmod(folder.path, 0o711);
  const log = createWriteStream(keptLog ?? join(folder.path, 'processes.log'));
  resources.defer(async () => {
    log.end();
    await finished(log);
  });
  const brokers = resources.use(await startNatsCluster());
  await brokers.provision(3);
  const databases = resources.use(await startPostgresPair(folder.path, randomBytes(24).toString('hex')));
  const stack = resources.use(
    await startStack({
      dataDir: join(folder.path, 'data'),
      ports: 'free',
      environment: {
        ...NO_CUSTOMER_LIMIT,
        PATH: process.env.PATH,
        REPLICAS: '2',
        NATS_URL: brokers.url('admin'),
        JOURNEY_INTERVAL_MS: String(JOURNEY_INTERVAL_MS),
        ...(await createDatabases(databases)),
      },
      serviceEnvironment: Object.fromEntries(services.map(({ name }) => [name, { NATS_URL: brokers.url(name) }])),
      log: (process, line) => log.write(`${new Date().toISOString()} ${process} ${line}\n`),
      healthDeadlineMs: START_DEADLINE_MS,
      signal,
    }),
  );
  const orders = resources.adopt(createOrderClient(stack), ({ close }) => close()).client;
  const inventory = createClient(InventoryService, connectTo(stack, 'inventory'));
  for (const productId of PLENTIFUL) {
    const stock = { idempotencyKey: `cluster-${productId}`, productId, delta: ADDED_STOCK };
    await inventory.adjustStock(stock, { timeoutMs: CALL_TIMEOUT_MS });
  }
  const items = [{ productId: PLENTIFUL[0], quantity: 1 }];
  await until(() => orders.quoteOrder({ customerId: 'cluster', items }, { timeoutMs: CALL_TIMEOUT_MS }));
  const owned = resources.move();
  return { stack, brokers, databases, orders, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function createDatabases(databases: PostgresPair): Promise<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const { name } of services.filter(({ hasDatabase }) => hasDatabase)) {
    const { url, ownerUrl } = await databases.createDatabase(name);
    environment[`${name.toUpperCase()}_DATABASE_URL`] = url;
    environment[`${name.toUpperCase()}_MIGRATION_DATABASE_URL`] = ownerUrl;
  }
  return environment;
}

function createOrderClient(stack: Stack) {
  const urls = (['order', 'order-2'] as const).map((replica) => stack.url(replica)).join(',');
  const connections = createReplicaConnections([asAllowedCaller(createTokens(stack.identitySeed()))], undefined);
  const transport = createBalancedTransport({
    dependency: 'order',
    addresses: createReplicaAddresses(urls),
    choice: createReplicaChoice(),
    connections,
    toError: (thrown, isCancelled) => toDependencyError('order', thrown, isCancelled),
    log: createLog({ service: 'cluster-test', level: 'silent' }),
  });
  return { client: createClient(OrderService, transport), close: connections.close };
}

/** The processes of the services, such as `order` and `order-2`. */
export function replicasOf(stack: Pick<Stack, 'services'>): (ServiceName | `${ServiceName}-2`)[] {
  return stack.services.flatMap((service) => [service, `${service}-2` as const]);
}
