// Load shedding as callers see it: how many calls are admitted, queued and rejected, and when.
import { Code, ConnectError, createContextValues, type UnaryRequest, type UnaryResponse } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { pause as pauseUntil } from '#services/platform/base/backoff.ts';
import { excludeWait } from '#services/platform/base/service-time.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { type CallLimits, createLoadShedding, DEFAULT_LIMITS } from '#services/platform/server/load-shedding.ts';
import { toConnectError } from '#services/platform/server/rpc-errors.ts';
import { recordLog } from '../support/recorded-log.ts';

installTracing();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pause = (ms: number): Promise<void> => pauseUntil(ms, new AbortController().signal);
const tick = (ms: number) => vi.advanceTimersByTimeAsync(ms);

type Ended = { readonly code: string; readonly ms: number };

/** A service whose calls do `work`, which receives the number of calls in flight. */
function serve(work: (inFlight: number) => Promise<void>, limits: Partial<CallLimits> = {}) {
  const metrics = createMetrics('order');
  let inFlight = 0;
  const handle = async () => {
    inFlight += 1;
    try {
      await work(inFlight);
      return {} as UnaryResponse;
    } finally {
      inFlight -= 1;
    }
  };
  const shedding = createLoadShedding({ metrics, log: recordLog().log, limits: { ...DEFAULT_LIMITS, ...limits } });
  const admit = shedding.interceptor(handle);
  const { signal } = new AbortController();
  // Only what load shedding reads: thousands of calls through a whole transport would take seconds.
  const request = () =>
    ({
      stream: false,
      service: OrderService,
      method: OrderService.method.createOrder,
      contextValues: createContextValues(),
      signal,
    }) as unknown as UnaryRequest;
  const call = async (): Promise<Ended> => {
    const begin = performance.now();
    const code = await admit(request()).then(
      () => 'ok',
      (error: unknown) => Code[toConnectError(error, DOMAIN).code]!,
    );
    return { code, ms: performance.now() - begin };
  };
  const read = async (gauge: string): Promise<number> => {
    const text = await metrics.registry.metrics();
    return Number(new RegExp(`^${gauge}\\{bulkhead="calls",service="order"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  return { call, limit: () => read('bulkhead_limit'), inFlightGauge: () => read('bulkhead_in_flight') };
}

/** Makes a call every `periodMs` for a while; returns how each ended. */
async function flood(call: () => Promise<Ended>, periodMs: number, forMs: number): Promise<Ended[]> {
  const calls: Promise<Ended>[] = [];
  for (let now = 0; now < forMs; now += periodMs) {
    calls.push(call());
    await tick(periodMs);
  }
  await tick(10_000);
  return await Promise.all(calls);
}

/** Callers that each call again as soon as they are answered, and a little later after a rejection, for a while. */
async function keepCalling(call: () => Promise<Ended>, callers: number, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  const calling = Array.from({ length: callers }, async () => {
    while (performance.now() < end) if ((await call()).code !== 'ok') await pause(100);
  });
  await tick(forMs + 10_000);
  await Promise.all(calling);
}

/** Each call takes its share of a processor that has 5 ms for each. */
const shareProcessor = (inFlight: number) => pause(5 * inFlight);

describe('the concurrency limit of a service', () => {
  it('stays at its maximum while calls wait for a slow dependency, even if more of them arrive than end', async () => {
    let waitMs = 0;
    const { call, limit } = serve(() => pause(5).then(() => excludeWait(() => pause(waitMs))));
    await keepCalling(call, 1, 100);
    waitMs = 500;
    const limitAtTheEnd = pause(4_900).then(limit);
    await flood(call, 5, 5_000);

    expect(await limitAtTheEnd).toBe(32);
  });

  it('falls while more calls arrive than it can serve and its own work becomes slow', async () => {
    const { call, limit } = serve((inFlight) => shareProcessor(inFlight).then(() => excludeWait(() => pause(50))));
    await keepCalling(call, 1, 2_000);
    const limitAtTheEnd = pause(2_900).then(limit);
    await flood(call, 2, 3_000);

    expect(await limitAtTheEnd).toBeLessThan(8);
  });

  it('stays at its maximum while callers wait for their answers, even if its own work becomes slow', async () => {
    const { call, limit } = serve((inFlight) => pause(5 * inFlight * inFlight));
    await keepCalling(call, 1, 2_000);
    const calling = keepCalling(call, 16, 20_000);
    await tick(19_900);

    expect(await limit()).toBe(32);
    await calling;
  });

  it('has slots that failed calls release for queued ones', async () => {
    const { call, inFlightGauge } = serve(() =>
      pause(20).then(() => Promise.reject(new ConnectError('no', Code.NotFound))),
    );

    const ends = await flood(call, 1, 60);

    expect(new Set(ends.map(({ code }) => code))).toEqual(new Set(['NotFound']));
    expect(await inFlightGauge()).toBe(0);
  });
});

describe('a burst', () => {
  it('of a hundred calls is served completely, even if it takes more than a second', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 8 });
    const ends = Promise.all(Array.from({ length: 100 }, call));
    await tick(5_000);

    const codes = (await ends).map(({ code }) => code);
    expect(codes).toEqual(codes.map(() => 'ok'));
    expect(Math.max(...(await ends).map(({ ms }) => ms))).toBeGreaterThan(500);
  });

  it('does not block calls that arrive while it is served', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4 });
    const burst = Promise.all(Array.from({ length: 60 }, call));
    await tick(700);

    const late = await flood(call, 100, 500);

    expect(late.map(({ code }) => code)).toEqual(late.map(() => 'ok'));
    expect((await burst).every(({ code }) => code === 'ok')).toBe(true);
  });
});

describe('a lasting overload', () => {
  it('rejects calls at once, and admitted calls are about as fast as before', async () => {
    const { call } = serve(shareProcessor);
    await keepCalling(call, 2, 500);

    const ends = await flood(call, 1, 4_000);

    const later = ends.slice(2_000);
    const msOf = (wanted: string): number[] => later.flatMap(({ code, ms }) => (code === wanted ? [ms] : []));
    expect(Math.max(...msOf('ResourceExhausted'))).toBeLessThanOrEqual(6);
    expect(msOf('ok').length).toBeGreaterThan(200);
    expect(Math.max(...msOf('ok'))).toBeLessThan(50);
  });

  it('even before it is detected serves the newest calls, in few slots', async () => {
    const { call } = serve(shareProcessor);
    await keepCalling(call, 2, 500);

    const early = (await flood(call, 1, 1_000)).slice(300, 700);

    const served = early.flatMap(({ code, ms }) => (code === 'ok' ? [ms] : []));
    // Of the eighty that the processor can do in this time.
    expect(served.length).toBeGreaterThan(66);
    expect(Math.max(...served)).toBeLessThan(35);
  });

  it('rejects calls queued before it was detected, the newest of them at once', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4, maxQueueMs: 3_000 });

    const ends = await flood(call, 2, 4_000);

    const refusedMs = ends.map(({ code, ms }) => (code === 'ResourceExhausted' ? ms : 0));
    expect(refusedMs.filter((ms) => ms > 0).length).toBeGreaterThan(1_000);
    expect(Math.max(...refusedMs)).toBeLessThan(500);
    const noticed = refusedMs.findIndex((ms) => ms > 0 && ms <= 5);
    expect(Math.max(...refusedMs.slice(noticed - 20, noticed))).toBeLessThan(50);
  });

  it('leaves no trace: the next burst is queued again', async () => {
    const { call } = serve(() => pause(100), { maxCalls: 4 });
    await flood(call, 2, 3_000);

    const burst = Promise.all(Array.from({ length: 40 }, call));
    await tick(5_000);

    expect((await burst).every(({ code }) => code === 'ok')).toBe(true);
  });
});
