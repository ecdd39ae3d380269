// The load generator, in a process of its own. A `closed` load keeps a number of calls in flight; an `open` load starts a number of calls
// per second, whatever their outcome. Prints its result as one line of JSON.
import { randomUUID } from 'node:crypto';
import { pause } from '../../../services/platform/base/backoff.ts';
import { PLENTIFUL } from '../../chaos/soak/scenario.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { createOrderCaller, type OrderTarget } from './order-caller.ts';

const CONNECTIONS = 16;
const TICK_MS = 2;
const CUSTOMERS = 500;

/** A load: `rate` is calls per second for an open load, concurrent calls for a closed one. */
export type LoadOptions = OrderTarget & {
  readonly kind: 'open' | 'closed';
  readonly rate: number;
  readonly seconds: number;
  /** Whether a caller of a closed load that is refused waits as its RetryInfo says; false by default. */
  readonly waitsWhenRefused?: boolean;
  /** Ends a closed load early, after so many calls; by default the time alone ends it. */
  readonly orders?: number | undefined;
};

export type LoadResult = {
  readonly called: number;
  readonly acknowledged: readonly AcknowledgedOrder[];
  /** The time of each accepted order, in milliseconds since its call was due. */
  readonly acceptedMs: readonly number[];
  /** The same for each call refused with `resource_exhausted` and RetryInfo. */
  readonly refusedMs: readonly number[];
  /** The number of calls with any other outcome, by code. */
  readonly otherEnds: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** As a share of one processor. */
  readonly cpuShare: number;
  /** The longest delay of the start of a call. */
  readonly latestMs: number;
};

if (import.meta.main) {
  const result = await generate(JSON.parse(process.argv[2] ?? '') as LoadOptions);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function generate(options: LoadOptions): Promise<LoadResult> {
  const { kind, rate, seconds, waitsWhenRefused = false, orders = Number.POSITIVE_INFINITY } = options;
  using caller = createOrderCaller(options, CONNECTIONS);
  const acknowledged: AcknowledgedOrder[] = [];
  const acceptedMs: number[] = [];
  const refusedMs: number[] = [];
  const otherEnds: Record<string, number> = {};
  let called = 0;
  let latestMs = 0;
  const run = randomUUID().slice(0, 8);

  /** Places an order; returns how long its caller waits before the next. */
  const place = async (dueMs: number): Promise<number> => {
    called += 1;
    latestMs = Math.max(latestMs, performance.now() - dueMs);
    const order = {
      idempotencyKey: `${run}-${called}`,
      customerId: `customer-${called % CUSTOMERS}`,
      productId: PLENTIFUL[called % PLENTIFUL.length] ?? '',
    };
    const outcome = await caller.place(order);
    const tookMs = performance.now() - dueMs;
    if ('acknowledged' in outcome) {
      acknowledged.push(outcome.acknowledged);
      acceptedMs.push(tookMs);
    } else if (outcome.code === 'resource_exhausted' && outcome.retryAfterMs !== undefined) {
      refusedMs.push(tookMs);
      return waitsWhenRefused ? outcome.retryAfterMs : 0;
    } else {
      const name = `${outcome.code}${outcome.retryAfterMs === undefined ? ' without RetryInfo' : ''}`;
      otherEnds[name] = (otherEnds[name] ?? 0) + 1;
    }
    return 0;
  };

  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + 1_000 * seconds;
  if (kind === 'closed') await runClosedLoad(place, rate, endMs, orders);
  else await runOpenLoad(place, rate, startMs, endMs);
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const cpuShare = (user + system) / 1_000 / tookMs;
  return { called, acknowledged, acceptedMs, refusedMs, otherEnds, seconds: tookMs / 1_000, cpuShare, latestMs };
}

async function runClosedLoad(
  place: (dueMs: number) => Promise<number>,
  concurrency: number,
  endMs: number,
  orders: number,
): Promise<void> {
  const end = AbortSignal.timeout(Math.ceil(endMs - performance.now()));
  let started = 0;
  const work = async (): Promise<void> => {
    while (performance.now() < endMs && started < orders) {
      started += 1;
      const waitMs = await place(performance.now());
      if (waitMs > 0) await pause(waitMs, end);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

async function runOpenLoad(
  place: (dueMs: number) => Promise<unknown>,
  rate: number,
  startMs: number,
  endMs: number,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let started = 0;
  const timer = setInterval(() => {
    const now = Math.min(performance.now(), endMs);
    for (; startMs + (1_000 * started) / rate < now; started += 1) {
      const call: Promise<unknown> = place(startMs + (1_000 * started) / rate).finally(() => running.delete(call));
      running.add(call);
    }
    if (now === endMs) resolve();
  }, TICK_MS);
  await over;
  clearInterval(timer);
  await Promise.all(running);
}
