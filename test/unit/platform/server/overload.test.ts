// What callers see of a service under pressure: how many it lets in, who waits, who is refused and when.
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { pause as pauseUntil } from '#services/platform/base/backoff.ts';
import { excludeWait } from '#services/platform/base/service-time.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { type CallLimits, DEFAULT_LIMITS } from '#services/platform/server/load-shedding.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { recordLog } from '../support/recorded-log.ts';

installTracing();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pause = (ms: number): Promise<void> => pauseUntil(ms, new AbortController().signal);
const tick = (ms: number) => vi.advanceTimersByTimeAsync(ms);

type Ended = { readonly code: string; readonly ms: number };

/** A service whose calls do `work`, with how many are at work. */
function serve(work: (atWork: number) => Promise<void>, limits: Partial<CallLimits> = {}) {
  const metrics = createMetrics('order');
  let atWork = 0;
  const createOrder = async () => {
    atWork += 1;
    try {
      await work(atWork);
      return {};
    } finally {
      atWork -= 1;
    }
  };
  const interceptors = createServerInterceptors({
    domain: DOMAIN,
    metrics,
    log: recordLog().log,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  const transport = createRouterTransport(({ service }) => void service(OrderService, { createOrder }), {
    router: { interceptors },
  });
  const client = createClient(OrderService, transport);
  const call = async (): Promise<Ended> => {
    const begin = performance.now();
    const code = await client.createOrder({}).then(
      () => 'ok',
      (error: unknown) => Code[ConnectError.from(error).code]!,
    );
    return { code, ms: performance.now() - begin };
  };
  const read = async (gauge: string): Promise<number> => {
    const text = await metrics.registry.metrics();
    return Number(new RegExp(`^${gauge}\\{bulkhead="calls",service="order"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  return { call, limit: () => read('bulkhead_limit'), inUse: () => read('bulkhead_in_flight') };
}

/** Every so many milliseconds a call, for a time; returns how each ended. */
async function flood(call: () => Promise<Ended>, periodMs: number, forMs: number): Promise<Ended[]> {
  const calls: Promise<Ended>[] = [];
  for (let now = 0; now < forMs; now += periodMs) {
    calls.push(call());
    await tick(periodMs);
  }
  await tick(10_000);
  return await Promise.all(calls);
}

/** So many callers, each of which calls again when it was answered, a little later when it was refused, for a time. */
async function keepCalling(call: () => Promise<Ended>, callers: number, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  const calling = Array.from({ length: callers }, async () => {
    while (performance.now() < end) if ((await call()).code !== 'ok') await pause(100);
  });
  await tick(forMs + 10_000);
  await Promise.all(calling);
}

/** Each call takes its share of a processor that has 5 ms for each. */
const shareProcessor = (atWork: number) => pause(5 * atWork);

describe('the places of a service', () => {
  it('become as many as its settings allow while a slow neighbour keeps its calls waiting', async () => {
    const { call, limit } = serve(() => pause(5).then(() => excludeWait(() => pause(2_000))));
    await keepCalling(call, 1, 100);
    expect(await limit()).toBe(8);

    await keepCalling(call, 40, 20_000);

    expect(await limit()).toBe(32);
  });

  it('become fewer while more calls come than it can serve and its own work gets slow', async () => {
    const { call, limit } = serve((atWork) => pause(5 * atWork * atWork).then(() => excludeWait(() => pause(50))));
    await keepCalling(call, 1, 2_000);
    const flooding = flood(call, 2, 3_000);
    await tick(2_900);

    expect(await limit()).toBeLessThan(8);
    await flooding;
  });

  it('are about as many as at the start while callers wait for each other, slow though its own work gets', async () => {
    const { call, limit } = serve((atWork) => pause(5 * atWork * atWork));
    await keepCalling(call, 1, 2_000);
    const calling = keepCalling(call, 16, 20_000);
    await tick(19_900);

    expect(await limit()).toBe(7);
    await calling;
  });

  it('are left by calls that fail, and are taken by those who wait', async () => {
    const { call, inUse } = serve(() => pause(20).then(() => Promise.reject(new ConnectError('no', Code.NotFound))));

    const ends = await flood(call, 1, 60);

    expect(new Set(ends.map(({ code }) => code))).toEqual(new Set(['NotFound']));
    expect(await inUse()).toBe(0);
  });
});

describe('a burst', () => {
  it('of a hundred calls is served whole, though it takes more than a second', async () => {
    const { call } = serve(() => pause(100));
    const ends = Promise.all(Array.from({ length: 100 }, call));
    await tick(5_000);

    const codes = (await ends).map(({ code }) => code);
    expect(codes).toEqual(codes.map(() => 'ok'));
    expect(Math.max(...(await ends).map(({ ms }) => ms))).toBeGreaterThan(500);
  });

  it('does not keep those out who come while it is served', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4 });
    const burst = Promise.all(Array.from({ length: 60 }, call));
    await tick(700);

    const late = await flood(call, 100, 500);

    expect(late.map(({ code }) => code)).toEqual(late.map(() => 'ok'));
    expect((await burst).every(({ code }) => code === 'ok')).toBe(true);
  });
});

describe('a lasting overload', () => {
  it('refuses at once, and those let in are about as fast as ever', async () => {
    const { call } = serve(shareProcessor);
    await keepCalling(call, 2, 500);

    const ends = await flood(call, 1, 4_000);

    const later = ends.slice(2_000);
    const msOf = (wanted: string): number[] => later.flatMap(({ code, ms }) => (code === wanted ? [ms] : []));
    expect(Math.max(...msOf('ResourceExhausted'))).toBeLessThanOrEqual(6);
    expect(msOf('ok').length).toBeGreaterThan(200);
    expect(Math.max(...msOf('ok'))).toBeLessThan(50);
  });

  it('even before it is noticed serves those who just came, in few places', async () => {
    const { call } = serve(shareProcessor);
    await keepCalling(call, 2, 500);

    const early = (await flood(call, 1, 1_000)).slice(100, 700);

    const served = early.flatMap(({ code, ms }) => (code === 'ok' ? [ms] : []));
    expect(served.length).toBeGreaterThan(100);
    expect(Math.max(...served)).toBeLessThan(35);
  });

  it('refuses those who came before it was noticed soon after, the last of them as soon as it is', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4, maxQueueMs: 3_000 });

    const ends = await flood(call, 2, 4_000);

    const refusedMs = ends.map(({ code, ms }) => (code === 'ResourceExhausted' ? ms : 0));
    expect(refusedMs.filter((ms) => ms > 0).length).toBeGreaterThan(1_000);
    expect(Math.max(...refusedMs)).toBeLessThan(500);
    const noticed = refusedMs.findIndex((ms) => ms > 0 && ms <= 5);
    expect(Math.max(...refusedMs.slice(noticed - 20, noticed))).toBeLessThan(50);
  });

  it('is forgotten when it is over: the next burst may wait again', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4 });
    await flood(call, 2, 3_000);

    const burst = Promise.all(Array.from({ length: 40 }, call));
    await tick(5_000);

    expect((await burst).every(({ code }) => code === 'ok')).toBe(true);
  });
});
