// `make bench-growth`: measures whether the platform becomes slower, or works more while idle, the more orders it has stored.
// Ctrl-C stops it and removes everything it started.
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import { pause } from '../../../services/platform/base/backoff.ts';
import { type Connection, openConnection } from '../../support/clients.ts';
import { print, runCommand } from '../../support/command.ts';
import { createTokens } from '../../support/identity/credentials.ts';
import { InvalidOption } from '../options.ts';
import { MEASURED_SERVICES, type MeasuredService, type StartedService } from '../orders/driver.ts';
import { figuresOf, type Load, type Reading, totalOf } from '../orders/figures.ts';
import { type Platform, startPlatform } from '../orders/platform.ts';
import { readProcessorTimes } from '../orders/processor-time.ts';
import { putUnderLoad } from '../overload/load.ts';
import { DEAD_LETTER_SERVICE, fillDeadLetters } from './dead-letters.ts';
import { fillHistory } from './fill.ts';
import { measureRpcs, type RpcFigures, WARM_UP_CALLS } from './measure-rpcs.ts';
import {
  findShortage,
  type GrowthFigures,
  type GrowthSettings,
  HELP,
  readGrowthSettings,
  renderGrowth,
  renderRpcs,
} from './report.ts';
import { createRpcCalls } from './rpc-calls.ts';

const INVALID = 2;
// The asynchronous work of a load is done, and the first looks at the new history have been taken.
const SETTLE_MS = 3_000;
// Connections that the load needed are closed too, which costs more than an idle platform does.
const IDLE_AFTER_MS = 15_000;
/** The monitor runs no journey by itself, and no call is refused for its rate. */
const ENVIRONMENT = { JOURNEY_INTERVAL_MS: '86400000', OPS_CALLS_PER_SECOND: '1000000' };

await runCommand(main, (error) => (error instanceof InvalidOption ? INVALID : 1));

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readGrowthSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const { bavail, bsize } = await statfs(tmpdir());
  const shortage = findShortage(settings.orders, bavail * bsize);
  if (shortage !== undefined) throw new InvalidOption(`--orders: ${shortage}`);
  const figures: GrowthFigures[] = [];
  for (const orders of settings.orders) {
    print(`bench-growth: filling a platform with ${orders} orders`);
    const services = settings.calls === 0 ? MEASURED_SERVICES : [...MEASURED_SERVICES, 'monitor' as const];
    const options = { environment: ENVIRONMENT, countsStatements: false, services };
    await using platform = await startPlatform(REPOSITORY_ROOT, options, signal);
    for (const service of MEASURED_SERVICES) {
      await fillHistory(service, superuserUrlOf(platform, service), orders, signal);
    }
    print(`bench-growth: measuring for ${settings.seconds} s idle, then with ${settings.callers} callers`);
    const underLoad = await measure(platform, orders, settings, signal);
    if (settings.calls > 0) print(`bench-growth: calling each RPC ${settings.calls} times`);
    figures.push({ ...underLoad, rpcs: await callRpcs(platform, orders, settings.calls, signal) });
  }
  print(`\n${renderGrowth(figures)}`);
  if (settings.calls > 0) print(`\n${renderRpcs(figures)}`);
  return 0;
}

// Only the owner of a table may update its statistics.
function superuserUrlOf(platform: Platform, service: MeasuredService): string {
  const url = new URL(platform.superuserUrl);
  url.pathname = new URL(platform.databaseUrls[service]).pathname;
  return url.href;
}

async function measure(
  platform: Platform,
  orders: number,
  { callers, seconds, warmUpSeconds }: GrowthSettings,
  signal: AbortSignal,
): Promise<Omit<GrowthFigures, 'rpcs'>> {
  const read = async (): Promise<Reading> => {
    const cpuMs = await readProcessorTimes(platform.pids);
    return { cpuMs, commits: {}, statements: undefined, walBytes: 0 };
  };
  const settle = async (ms: number): Promise<void> => {
    await pause(ms, signal);
    signal.throwIfAborted();
  };
  const put = (length: number) =>
    putUnderLoad(
      { kind: 'closed', url: platform.orderUrl, rate: callers, seconds: length, waitsWhenRefused: true },
      signal,
    );

  if (warmUpSeconds > 0) await put(warmUpSeconds);
  await settle(IDLE_AFTER_MS);
  const idleBefore = await read();
  await settle(seconds * 1_000);
  const before = await read();
  const result = await put(seconds);
  await settle(SETTLE_MS);
  const load: Load = { kind: 'closed', callers };
  const { ordersPerSecond, p50Ms, p99Ms, perOrder } = figuresOf(load, result, before, await read());
  const idleMs = totalOf(before.cpuMs) - totalOf(idleBefore.cpuMs);
  return {
    orders,
    ordersPerSecond,
    p50Ms,
    p99Ms,
    cpuMsPerOrder: totalOf(perOrder.cpuMs),
    idleCpu: idleMs / (seconds * 1_000),
  };
}

async function callRpcs(
  platform: Platform,
  orders: number,
  count: number,
  signal: AbortSignal,
): Promise<readonly RpcFigures[]> {
  if (count === 0) return [];
  const requests = WARM_UP_CALLS + count;
  await fillDeadLetters(superuserUrlOf(platform, DEAD_LETTER_SERVICE), requests);
  using connections = new DisposableStack();
  const tokens = createTokens(platform.identitySeed);
  const connect = (url: string) => connections.use(openConnection(url, tokens));
  const connectionOf: Readonly<Record<StartedService, Connection>> = {
    order: connect(platform.orderUrl),
    inventory: connect(platform.inventoryUrl),
    payment: connect(platform.paymentUrl),
    notification: connect(platform.notificationUrl),
    analytics: connect(platform.analyticsUrl),
    monitor: connect(platform.monitorUrl),
  };
  const calls = createRpcCalls({
    client: (of, service) => connectionOf[of].client(service),
    orders,
    requests,
    signal,
  });
  return await measureRpcs(calls, count, signal);
}
