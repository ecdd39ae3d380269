// The load generator, a process of its own: `closed` keeps so many calls under way, `open` begins so many a second whatever becomes
// of them. Prints what it saw as one line of JSON.
import { randomUUID } from 'node:crypto';
import { PLENTIFUL } from '../../chaos/soak/scenario.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { createOrderCaller } from './order-caller.ts';

const CONNECTIONS = 16;
const TICK_MS = 2;
const CUSTOMERS = 500;

/** A load: `rate` is calls a second when open, calls at once when closed. */
export type LoadOptions = {
  readonly kind: 'open' | 'closed';
  readonly url: string;
  readonly rate: number;
  readonly seconds: number;
};

export type LoadResult = {
  readonly called: number;
  readonly acknowledged: readonly AcknowledgedOrder[];
  /** What each accepted order took, in milliseconds from the moment its call was due. */
  readonly acceptedMs: readonly number[];
  /** The same for each call that was refused as it should. */
  readonly refusedMs: readonly number[];
  /** Ends that should not be, and how often each was. */
  readonly others: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Of one processor. */
  readonly cpuShare: number;
  /** The most by which a call began late. */
  readonly latestMs: number;
};

if (import.meta.main) {
  const result = await generate(JSON.parse(process.argv[2] ?? '') as LoadOptions);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function generate({ kind, url, rate, seconds }: LoadOptions): Promise<LoadResult> {
  using caller = createOrderCaller(url, CONNECTIONS);
  const acknowledged: AcknowledgedOrder[] = [];
  const acceptedMs: number[] = [];
  const refusedMs: number[] = [];
  const others: Record<string, number> = {};
  let called = 0;
  let latestMs = 0;
  const run = randomUUID().slice(0, 8);

  const place = async (dueMs: number): Promise<void> => {
    called += 1;
    latestMs = Math.max(latestMs, performance.now() - dueMs);
    const order = {
      idempotencyKey: `${run}-${called}`,
      customerId: `customer-${called % CUSTOMERS}`,
      productId: PLENTIFUL[called % PLENTIFUL.length] ?? '',
    };
    const end = await caller.place(order);
    const tookMs = performance.now() - dueMs;
    if ('acknowledged' in end) {
      acknowledged.push(end.acknowledged);
      acceptedMs.push(tookMs);
    } else if (end.code === 'resource_exhausted' && end.hasRetryInfo) refusedMs.push(tookMs);
    else {
      const name = `${end.code}${end.hasRetryInfo ? '' : ' without RetryInfo'}`;
      others[name] = (others[name] ?? 0) + 1;
    }
  };

  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  const endMs = beganMs + 1_000 * seconds;
  if (kind === 'closed') await keepUnderWay(place, rate, endMs);
  else await beginAtRate(place, rate, beganMs, endMs);
  const tookMs = performance.now() - beganMs;
  const { user, system } = process.cpuUsage(cpu);
  const cpuShare = (user + system) / 1_000 / tookMs;
  return { called, acknowledged, acceptedMs, refusedMs, others, seconds: tookMs / 1_000, cpuShare, latestMs };
}

async function keepUnderWay(place: (dueMs: number) => Promise<void>, atOnce: number, endMs: number): Promise<void> {
  const work = async (): Promise<void> => {
    while (performance.now() < endMs) await place(performance.now());
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function beginAtRate(
  place: (dueMs: number) => Promise<void>,
  rate: number,
  beganMs: number,
  endMs: number,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let begun = 0;
  const timer = setInterval(() => {
    const now = Math.min(performance.now(), endMs);
    for (; beganMs + (1_000 * begun) / rate < now; begun += 1) {
      const call: Promise<void> = place(beganMs + (1_000 * begun) / rate).finally(() => running.delete(call));
      running.add(call);
    }
    if (now === endMs) resolve();
  }, TICK_MS);
  await over;
  clearInterval(timer);
  await Promise.all(running);
}
