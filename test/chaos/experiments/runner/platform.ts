// The platform under experiment: every process of the stack, every link between two of them through a fault proxy, in a temporary
// folder.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import type { FaultProxy } from '@touchstone/kit';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { loadPasswords } from '#local/shared/secrets.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { resolvePorts } from '#local/stack/stack-ports.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { NO_CUSTOMER_LIMIT } from '../../../support/identity/credentials.ts';
import { connectTo } from '../../../support/identity/stack-transport.ts';
import type { AcknowledgedOrder } from '../../../support/invariants/facts.ts';
import { ADDED_STOCK, PLENTIFUL } from '../../soak/scenario.ts';
import { type LinkName, startLinks } from './links.ts';

/** Shorter times than the defaults, so that an experiment takes seconds. Everything else is as in `make run`. */
const SETTINGS = {
  LOG_LEVEL: 'info',
  BREAKER_RESET_MS: '2000',
  PAYMENT_PROVIDER_TIMEOUT_MS: '6000',
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: '3000',
  PAYMENT_SETTLE_AFTER_MS: '1000',
  // Journeys run only on demand.
  JOURNEY_INTERVAL_MS: '86400000',
};
const LEAK = fileURLToPath(new URL('../fixtures/leak-on-signal.ts', import.meta.url));
const START_DEADLINE_MS = 120_000;
const CALL_TIMEOUT_MS = 10_000;
const PRICES_POLL_MS = 100;
const START_ATTEMPTS = 3;

export type Platform = AsyncDisposable & {
  readonly stack: Stack;
  readonly orders: Client<typeof OrderService>;
  readonly inventory: Client<typeof InventoryService>;
  readonly payments: Client<typeof PaymentService>;
  readonly notifications: Client<typeof NotificationService>;
  readonly monitor: Client<typeof MonitorService>;
  ops(service: ServiceName): Client<typeof OpsService>;
  link(name: LinkName): FaultProxy;
  readonly links: readonly LinkName[];
  heal(): void;
  /** The folder of all its data. */
  readonly dataDir: string;
  /** The orders acknowledged to clients, for the invariants. */
  readonly acknowledged: AcknowledgedOrder[];
};

export type PlatformOptions = {
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Receives every line that a process prints. */
  readonly log: (line: string) => void;
  readonly prepareFolder?: ((resources: AsyncDisposableStack, dataDir: string) => Promise<void>) | undefined;
};

/** Starts everything and adds stock; resolves when orders can be placed. When a process cannot be started, nothing is left. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Another process took a port after it was found free.
      const isPortTaken = error instanceof Error && /^Port(s?Unavailable|Taken)Error$/.test(error.name);
      if (!isPortTaken || attempt === START_ATTEMPTS || options.signal.aborted) throw error;
    }
  }
}

async function startOnce({ seed, signal, log, prepareFolder }: PlatformOptions): Promise<Platform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-chaos'));
  const dataDir = join(folder.path, 'data');
  await prepareFolder?.(resources, dataDir);
  const ports = await resolvePorts(portRequests(), { afterKill: false });
  const passwords = await loadPasswords(join(dataDir, 'secret'));
  const links = resources.use(await startLinks({ ports, passwords, seed }));
  const stack = resources.use(
    await startStack({
      dataDir,
      environment: {
        ...NO_CUSTOMER_LIMIT,
        PATH: process.env.PATH,
        ...SETTINGS,
        ...Object.fromEntries([...ports].map(([variable, port]) => [variable, String(port)])),
      },
      serviceEnvironment: {
        ...links.environment,
        inventory: { ...links.environment.inventory, NODE_OPTIONS: `--import=${LEAK}` },
      },
      durable: false,
      log: (process, line) => log(`${process} ${line}`),
      healthDeadlineMs: START_DEADLINE_MS,
      signal,
    }),
  );
  const client = <Service extends DescService>(name: ServiceName, service: Service): Client<Service> =>
    createClient(service, connectTo(stack, name));
  const orders = client('order', OrderService);
  const inventory = client('inventory', InventoryService);
  await raiseStock(inventory);
  await waitForPrices(orders, signal);
  const owned = resources.move();
  return {
    stack,
    orders,
    inventory,
    payments: client('payment', PaymentService),
    notifications: client('notification', NotificationService),
    monitor: client('monitor', MonitorService),
    ops: (service) => client(service, OpsService),
    link: links.link,
    links: links.names,
    heal: links.heal,
    dataDir,
    acknowledged: [],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function portRequests() {
  const infrastructure = [
    'POSTGRES_PORT',
    'NATS_PORT',
    'PAYMENT_PROVIDER_PORT',
    'MAILBOX_SMTP_PORT',
    'MAILBOX_HTTP_PORT',
  ];
  return [...infrastructure, ...services.map(({ portVariable }) => portVariable)].map((variable) => ({
    process: 'chaos',
    variable,
    port: 0,
    host: '127.0.0.1',
  }));
}

async function raiseStock(inventory: Client<typeof InventoryService>): Promise<void> {
  for (const productId of PLENTIFUL) {
    const request = { idempotencyKey: `chaos-${productId}`, productId, delta: ADDED_STOCK };
    await inventory.adjustStock(request, { timeoutMs: CALL_TIMEOUT_MS });
  }
}

// A healthy order service may still be loading its prices.
async function waitForPrices(orders: Client<typeof OrderService>, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(START_DEADLINE_MS)]);
  const items = [{ productId: PLENTIFUL[0], quantity: 1 }];
  for (;;) {
    try {
      await orders.quoteOrder({ customerId: 'chaos', items }, { timeoutMs: CALL_TIMEOUT_MS });
      return;
    } catch (error) {
      if (over.aborted) throw error;
      await pause(PRICES_POLL_MS, over);
    }
  }
}
