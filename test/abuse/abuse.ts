// An abuse run: warm up, then for each attack measure honest orders without it and during it, and wait for the memory to come back.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { OrderService } from '../../gen/shop/order/v1/order_service_pb.ts';
import type { Stack } from '../../local/stack/stack.ts';
import { pause } from '../../services/platform/base/backoff.ts';
import { type MemorySamples, sampleMemory } from '../bench/overload/memory.ts';
import { createOrderCaller, type OrderCaller } from '../bench/overload/order-caller.ts';
import { startLoadedPlatform } from '../bench/overload/platform.ts';
import { PLENTIFUL } from '../chaos/soak/scenario.ts';
import type { Attack, Outcomes, Target } from './attack.ts';
import type { AttackerOptions } from './attacker.ts';
import { ATTACKS } from './attacks/index.ts';
import { placeOrders } from './honest-orders.ts';
import type { AttackFigures } from './report.ts';
import type { AbuseSettings } from './settings.ts';

const SCRIPT = fileURLToPath(new URL('attacker.ts', import.meta.url));
const WARM_UP_SECONDS = 10;
/** The attack is in full swing when honest orders are measured, and outlasts them. */
const LEAD_MS = 1_500;
const HEALTH_PERIOD_MS = 500;
const CALL_MS = 5_000;
/** How long the memory may take to come back. */
const MEMORY_LIMIT_MS = 20_000;
const LAST_SAMPLES = 3;
const PAUSE_MS = 1_000;
/** The watched order stays PENDING for longer than an attack lasts. */
const SLOW_CAPTURE_MS = '120000';

type Write = (text: string) => void;

/** Runs the attacks and returns their figures. Rejects when `signal` aborts. */
export async function runAbuse(settings: AbuseSettings, write: Write, signal: AbortSignal): Promise<AttackFigures[]> {
  const attacks = ATTACKS.filter(({ name }) => name.includes(settings.only ?? ''));
  if (attacks.length === 0) throw new Error(`--only: no attack is called ${settings.only}`);
  write('starting the platform');
  await using platform = await startLoadedPlatform({ PAYMENT_PROVIDER_SLOW_CAPTURE_MS: SLOW_CAPTURE_MS }, signal);
  using caller = createOrderCaller({ url: platform.stack.url('order') }, 2);
  using memory = sampleMemory(pidOf(platform.stack));
  const run = { settings, caller, memory, stack: platform.stack, signal };
  await placeOrders(caller, { seconds: WARM_UP_SECONDS, perSecond: settings.ordersPerSecond }, signal);
  const figures: AttackFigures[] = [];
  for (const attack of attacks) {
    write(attack.name);
    figures.push(await measureAttack(attack, run));
  }
  return figures;
}

type Run = {
  readonly settings: AbuseSettings;
  readonly caller: OrderCaller;
  readonly memory: MemorySamples;
  readonly stack: Stack;
  readonly signal: AbortSignal;
};

async function measureAttack(attack: Attack, { settings, caller, memory, stack, signal }: Run): Promise<AttackFigures> {
  const { seconds, ordersPerSecond: perSecond } = settings;
  const target = await findTarget(stack);
  const before = await placeOrders(caller, { seconds, perSecond }, signal);
  const memoryBefore = lastOf(memory);
  const samplesBefore = memory.count();
  const ended = new AbortController();
  const health = watchHealth(stack, AbortSignal.any([signal, ended.signal]));
  const attacking = startAttacker({ attack: attack.name, target, seconds: seconds + (2 * LEAD_MS) / 1_000 }, signal);
  await pause(LEAD_MS, signal);
  const during = await placeOrders(caller, { seconds, perSecond }, signal);
  const outcomes = await attacking;
  ended.abort();
  const max = Math.max(...memory.since(samplesBefore));
  const after = await waitForMemory(memory, memoryBefore, signal);
  return {
    attack: attack.name,
    before,
    during,
    memory: { before: memoryBefore, max, after },
    isHealthy: await health,
    outcomes,
  };
}

/** Places an order with a slow payment, to be watched. */
async function findTarget(stack: Stack): Promise<Target> {
  const url = stack.url('order');
  const orders = createClient(OrderService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
  const { order } = await orders.createOrder(
    {
      idempotencyKey: crypto.randomUUID(),
      customerId: 'watched',
      items: [{ productId: PLENTIFUL[0], quantity: 1 }],
      paymentMethod: 'pm_slow',
    },
    { timeoutMs: CALL_MS },
  );
  const authorization = `Bearer ${await stack.token('operator', 'abuse')}`;
  return { url, port: Number(new URL(url).port), orderId: order?.orderId ?? '', authorization };
}

async function startAttacker(options: AttackerOptions, signal: AbortSignal): Promise<Outcomes> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = (): boolean => child.kill();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`the attacker of ${options.attack} ended with code ${code}`);
    return JSON.parse(output) as Outcomes;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Asks for health until `signal` aborts; resolves to whether it was always SERVING. */
async function watchHealth(stack: Stack, signal: AbortSignal): Promise<boolean> {
  const transport = createConnectTransport({ baseUrl: stack.url('order'), httpVersion: '1.1' });
  const health = createClient(HealthService, transport);
  let isHealthy = true;
  while (!signal.aborted) {
    const status = await health.check({}, { timeoutMs: CALL_MS }).then(
      (answer) => answer.status,
      () => ServingStatus.UNKNOWN,
    );
    isHealthy &&= status === ServingStatus.SERVING;
    await pause(HEALTH_PERIOD_MS, signal);
  }
  return isHealthy;
}

async function waitForMemory(memory: MemorySamples, before: number, signal: AbortSignal): Promise<number> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(MEMORY_LIMIT_MS)]);
  while (!over.aborted && lastOf(memory) > 1.1 * before) await pause(PAUSE_MS, over);
  signal.throwIfAborted();
  return lastOf(memory);
}

/** The lowest of the last samples. */
function lastOf(memory: MemorySamples): number {
  return Math.min(...memory.since(Math.max(0, memory.count() - LAST_SAMPLES)));
}

function pidOf(stack: Stack): number {
  const pid = stack.pid('order');
  if (pid === undefined) throw new Error('the order service has no process');
  return pid;
}
