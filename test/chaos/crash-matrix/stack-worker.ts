// One stack whose services run with wrapped ports, and the desks at it: a lane works off rows of the matrix, one after the other.
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { pause } from '#services/platform/base/backoff.ts';
import type { InvariantSources } from '../../support/invariants/facts.ts';
import {
  collectFacts,
  judgeInvariants,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../../support/invariants/invariants.ts';
import { hurryRedelivery } from './broker-admin.ts';
import { Control } from './control.ts';
import { CONTROL_VARIABLE, SERVICE_VARIABLE } from './control-files.ts';
import { ShopDesk } from './order-client.ts';
import { IDLE, type Recorded } from './points.ts';
import { cleanUp, forgetPlanted, PARTS, type Scene } from './scenario.ts';

/** The services that are killed. */
export const VICTIMS: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];

/** How many durable consumers they have together. */
const CONSUMERS = 8;
const ACK_WAIT_MS = 2_000;
const REST_MS = 30_000;
const IDLE_MS = 3_000;
const STOCK = 100_000;

/** Leases and delays by which a crash is noticed, shortened as far as the settings let. */
const HASTE = {
  LOG_LEVEL: 'info',
  ORDER_BUDGET_MS: '1000',
  BREAKER_RESET_MS: '500',
  PAYMENT_SETTLE_AFTER_MS: '1000',
  PAYMENT_PROVIDER_TIMEOUT_MS: '1500',
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: '900',
};

export type Lane = AsyncDisposable & {
  readonly stack: Stack;
  readonly control: Control;
  readonly desk: ShopDesk;
  readonly scene: Scene;
  readonly sources: InvariantSources;
  /** What the parts and the supervisor printed. */
  readonly output: readonly string[];
};

/** Starts a stack with plenty of stock, at rest. `signal` calls it off. */
export async function openLane(signal: AbortSignal): Promise<Lane> {
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
        services: VICTIMS,
        environment: { PATH: process.env.PATH, ...HASTE },
        serviceEnvironment: Object.fromEntries(VICTIMS.map((name) => [name, wrapPorts(folder.path, name)])),
        log: (part, line) => output.push(`${part} ${line}`),
        signal,
      }),
    );
    const lane = { stack, control, output, sources: sourcesOf(stack), ...createScene(stack, control) };
    await prepare(lane);
    return { ...lane, [Symbol.asyncDispose]: () => resources.disposeAsync() };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/** Runs every part once, each to its end, and returns what passed the ports. Throws when a promise is broken without any crash. */
export async function recordScenario({ control, desk, scene, sources }: Lane): Promise<Recorded[]> {
  await control.record(IDLE);
  await pause(IDLE_MS, new AbortController().signal);
  desk.begin(async () => undefined);
  for (const [name, part] of Object.entries(PARTS)) {
    await control.record(name);
    await part(scene);
    await settle(scene);
    const left = await waitForQuiescence(sources, { timeoutMs: REST_MS });
    if (left.length > 0)
      throw new Error(`part "${name}" does not come to rest: ${left.map(({ what }) => what).join(', ')}`);
    await forgetPlanted(scene);
  }
  const recording = await control.takeRecording(VICTIMS);
  const { broken, violations } = await judge({ sources, desk });
  if (broken?.length !== 0) throw new Error(['without any crash:', ...violations].join('\n  '));
  return recording;
}

/** What the invariants say of a lane: which do not hold, undefined when nobody could tell, and every violation as a sentence. */
export type Judgement = { readonly broken: readonly string[] | undefined; readonly violations: readonly string[] };

/** Judges every invariant, over all that ever happened on this stack. Never throws: what cannot be looked at cannot hold. */
export async function judge({ sources, desk }: Pick<Lane, 'sources' | 'desk'>): Promise<Judgement> {
  try {
    const verdicts = judgeInvariants(await collectFacts(sources, { acknowledged: desk.acknowledged }));
    const broken = verdicts.filter(({ state }) => state !== 'holds').map(({ name }) => name);
    return { broken, violations: listViolations(verdicts) };
  } catch (error) {
    return { broken: undefined, violations: [error instanceof Error ? error.message : String(error)] };
  }
}

/** Finishes what parts have begun, as callers do who do not give up. */
export async function settle(scene: Scene): Promise<void> {
  await cleanUp(scene);
  await scene.desk.settle();
}

function controlDirectory(folder: string): string {
  return join(folder, 'control');
}

function wrapPorts(folder: string, service: ServiceName): Record<string, string> {
  return {
    NODE_OPTIONS: `--import ${new URL('preload.ts', import.meta.url)}`,
    // The same files are started some hundred times.
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    [CONTROL_VARIABLE]: controlDirectory(folder),
    [SERVICE_VARIABLE]: service,
  };
}

function createScene(stack: Stack, control: Control): { readonly desk: ShopDesk; readonly scene: Scene } {
  const transportTo = (name: ServiceName) => createConnectTransport({ baseUrl: stack.url(name), httpVersion: '1.1' });
  const desk = new ShopDesk(createClient(OrderService, transportTo('order')));
  const scene: Scene = {
    desk,
    control,
    inventory: createClient(InventoryService, transportTo('inventory')),
    readers: [createClient(OpsService, transportTo('inventory')), createClient(OpsService, transportTo('analytics'))],
    databaseUrls: {
      order: stack.databaseUrl('order'),
      inventory: stack.databaseUrl('inventory'),
      notification: stack.databaseUrl('notification'),
      analytics: stack.databaseUrl('analytics'),
    },
    natsUrl: stack.natsUrl('admin'),
    planted: [],
    newId: randomUUID,
  };
  return { desk, scene };
}

async function prepare({ scene, sources }: Pick<Lane, 'scene' | 'sources'>): Promise<void> {
  const plenty = { idempotencyKey: 'plenty', productId: '12345', delta: STOCK };
  await scene.inventory.adjustStock(plenty);
  // Until each service has made its consumers, and order knows the prices.
  const left = await waitForQuiescence(sources, { timeoutMs: REST_MS });
  if (left.length > 0) throw new Error(`the stack does not come to rest: ${left.map(({ what }) => what).join(', ')}`);
  const consumers = await hurryRedelivery(scene.natsUrl, ACK_WAIT_MS);
  if (consumers !== CONSUMERS) throw new Error(`there are ${consumers} durable consumers, not ${CONSUMERS}`);
}
