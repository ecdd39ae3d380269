// A worker of the matrix: a stack whose services run with wrapped clients (database, broker, RPC, HTTP, mail). Runs one row after the
// other.
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';
import type { InvariantSources } from '../../support/invariants/facts.ts';
import {
  collectFacts,
  judgeInvariants,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../../support/invariants/invariants.ts';
import { shortenAckWait } from './broker-admin.ts';
import { Control } from './control.ts';
import { CONTROL_VARIABLE, SERVICE_VARIABLE } from './control-files.ts';
import { OrderClient } from './order-client.ts';
import { IDLE, type Recorded } from './points.ts';
import { cleanUp, discardInjectedEvents, STEPS, type StepContext } from './scenario.ts';

/** The services that are killed. */
export const TARGETS: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];

const SERVICE_SOURCES = fileURLToPath(new URL('../../../services', import.meta.url));

/** The number of their durable consumers. */
const CONSUMERS = 8;
const ACK_WAIT_MS = 2_000;
const QUIESCENCE_LIMIT_MS = 30_000;
const IDLE_MS = 3_000;
const STOCK = 100_000;

/** Short leases and delays, so that a crash is noticed and repaired soon. */
const FAST_SETTINGS = {
  LOG_LEVEL: 'info',
  ORDER_BUDGET_MS: '1000',
  BREAKER_RESET_MS: '500',
  PAYMENT_SETTLE_AFTER_MS: '1000',
  PAYMENT_PROVIDER_TIMEOUT_MS: '1500',
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: '900',
};

export type StackWorker = AsyncDisposable & {
  readonly stack: Stack;
  readonly control: Control;
  readonly client: OrderClient;
  readonly context: StepContext;
  readonly sources: InvariantSources;
  /** The output of the processes and the supervisor. */
  readonly output: readonly string[];
};

/** Starts a quiescent stack with enough stock. `signal` aborts it. */
export async function startStackWorker(signal: AbortSignal): Promise<StackWorker> {
  const resources = new AsyncDisposableStack();
  try {
    const folder = resources.use(await createGuardedDirectory('touchstone-crash-matrix'));
    const control = new Control(controlDirectory(folder.path));
    await mkdir(control.directory);
    const output: string[] = [];
    const stack = resources.use(
      await startStack({
        dataDir: join(folder.path, 'data'),
        ports: 'free',
        durable: false,
        services: TARGETS,
        // The preloaded module replaces functions of packages, which a bundle has inside.
        servicesDir: SERVICE_SOURCES,
        environment: { PATH: process.env.PATH, ...NO_CUSTOMER_LIMIT, ...FAST_SETTINGS },
        serviceEnvironment: Object.fromEntries(TARGETS.map((name) => [name, wrapSettings(folder.path, name)])),
        log: (process, line) => output.push(`${process} ${line}`),
        signal,
      }),
    );
    const worker = { stack, control, output, sources: sourcesOf(stack), ...createStepContext(stack, control) };
    await prepare(worker);
    return { ...worker, [Symbol.asyncDispose]: () => resources.disposeAsync() };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/**
 * Runs every step once, each to quiescence, and returns the recorded operations.
 *
 * @throws {Error} an invariant is violated without any crash, or there is no quiescence.
 */
export async function recordScenario({ control, client, context, sources }: StackWorker): Promise<Recorded[]> {
  await control.record(IDLE);
  await pause(IDLE_MS, new AbortController().signal);
  client.begin(async () => undefined);
  for (const [name, step] of Object.entries(STEPS)) {
    await control.record(name);
    await step(context);
    await settle(context);
    const left = await waitForQuiescence(sources, { timeoutMs: QUIESCENCE_LIMIT_MS });
    if (left.length > 0)
      throw new Error(`step "${name}" does not reach quiescence: ${left.map(({ what }) => what).join(', ')}`);
    await discardInjectedEvents(context);
  }
  const recording = await control.takeRecording(TARGETS);
  const { violated, violations } = await judge({ sources, client });
  if (violated?.length !== 0) throw new Error(['without any crash:', ...violations].join('\n  '));
  return recording;
}

/** The result of the invariants: the violated ones, undefined when they could not be judged, and every violation as a sentence. */
export type Judgement = { readonly violated: readonly string[] | undefined; readonly violations: readonly string[] };

/** Judges every invariant over the whole history of the stack. Never throws. */
export async function judge({ sources, client }: Pick<StackWorker, 'sources' | 'client'>): Promise<Judgement> {
  try {
    const verdicts = judgeInvariants(await collectFacts(sources, { acknowledged: client.acknowledged }));
    const violated = verdicts.filter(({ state }) => state !== 'holds').map(({ name }) => name);
    return { violated, violations: listViolations(verdicts) };
  } catch (error) {
    return { violated: undefined, violations: [error instanceof Error ? error.message : String(error)] };
  }
}

/** Finishes the orders of the steps, with retries, and removes what the steps left behind. */
export async function settle(context: StepContext): Promise<void> {
  await cleanUp(context);
  await context.client.settle();
}

function controlDirectory(folder: string): string {
  return join(folder, 'control');
}

function wrapSettings(folder: string, service: ServiceName): Record<string, string> {
  return {
    NODE_OPTIONS: `--import ${new URL('preload.ts', import.meta.url)}`,
    // Speeds up the start: the same files are loaded some hundred times.
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    [CONTROL_VARIABLE]: controlDirectory(folder),
    [SERVICE_VARIABLE]: service,
  };
}

function createStepContext(
  stack: Stack,
  control: Control,
): { readonly client: OrderClient; readonly context: StepContext } {
  const transportTo = (name: ServiceName) => connectTo(stack, name);
  const client = new OrderClient(createClient(OrderService, transportTo('order')));
  const context: StepContext = {
    client,
    control,
    inventory: createClient(InventoryService, transportTo('inventory')),
    consumers: [createClient(OpsService, transportTo('inventory')), createClient(OpsService, transportTo('analytics'))],
    databaseUrls: {
      order: stack.databaseUrl('order'),
      inventory: stack.databaseUrl('inventory'),
      notification: stack.databaseUrl('notification'),
      analytics: stack.databaseUrl('analytics'),
    },
    natsUrl: stack.natsUrl('admin'),
    injected: [],
    newId: randomUUID,
  };
  return { client, context };
}

async function prepare({ context, sources }: Pick<StackWorker, 'context' | 'sources'>): Promise<void> {
  const adjustment = { idempotencyKey: 'initial-stock', productId: '12345', delta: STOCK };
  await context.inventory.adjustStock(adjustment);
  // Waits until each service has created its consumers and the order service knows the prices.
  const left = await waitForQuiescence(sources, { timeoutMs: QUIESCENCE_LIMIT_MS });
  if (left.length > 0)
    throw new Error(`the stack does not reach quiescence: ${left.map(({ what }) => what).join(', ')}`);
  const consumers = await shortenAckWait(context.natsUrl, ACK_WAIT_MS);
  if (consumers !== CONSUMERS) throw new Error(`there are ${consumers} durable consumers, not ${CONSUMERS}`);
}
