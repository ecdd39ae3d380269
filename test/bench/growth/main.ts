// `make bench-growth`: measures whether the platform becomes slower, or works more while idle, the more orders it has stored.
// Ctrl-C stops it and removes everything it started.
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import { pause } from '../../../services/platform/base/backoff.ts';
import { print, runCommand } from '../../support/command.ts';
import { InvalidOption } from '../options.ts';
import { figuresOf, type Load, type Reading, totalOf } from '../orders/figures.ts';
import { type Platform, startPlatform } from '../orders/platform.ts';
import { readProcessorTimes } from '../orders/processor-time.ts';
import { putUnderLoad } from '../overload/load.ts';
import { type FilledService, fillHistory } from './fill.ts';
import {
  findShortage,
  type GrowthFigures,
  type GrowthSettings,
  HELP,
  readGrowthSettings,
  renderGrowth,
} from './report.ts';

const INVALID = 2;
// The asynchronous work of a load is done, and the first looks at the new history have been taken.
const SETTLE_MS = 3_000;

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
    await using platform = await startPlatform(REPOSITORY_ROOT, { environment: {}, countsStatements: false }, signal);
    for (const [service, url] of Object.entries(platform.databaseUrls)) {
      // Only the owner of a table may update its statistics.
      const superuserUrl = new URL(platform.superuserUrl);
      superuserUrl.pathname = new URL(url).pathname;
      await fillHistory(service as FilledService, superuserUrl.toString(), orders, signal);
    }
    print(`bench-growth: measuring for ${settings.seconds} s idle, then with ${settings.callers} callers`);
    figures.push(await measure(platform, orders, settings, signal));
  }
  print(`\n${renderGrowth(figures)}`);
  return 0;
}

async function measure(
  platform: Platform,
  orders: number,
  { callers, seconds, warmUpSeconds }: GrowthSettings,
  signal: AbortSignal,
): Promise<GrowthFigures> {
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
  await settle(SETTLE_MS);
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
