import { Code, ConnectError, createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { type CallLimits, createLoadShedding, queueWaitMs } from '#services/platform/server/load-shedding.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { allowEveryone } from '../../../support/services/call.ts';
import { orderRequest } from '../../../support/services/order-builders.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(1);

/** A service whose calls stay in flight until they are released, in order of arrival. */
function serve(limits: Partial<CallLimits> = {}) {
  const metrics = createMetrics('order');
  const recorded = recordLog();
  const inFlight: { key: string; release: () => void }[] = [];
  const begun: string[] = [];
  const waits: number[] = [];
  const implementation: Partial<ServiceImpl<typeof OrderService>> = {
    createOrder: async ({ idempotencyKey: key }, context) => {
      waits.push(Math.round(queueWaitMs(context)));
      const { promise, resolve } = Promise.withResolvers<void>();
      begun.push(key);
      inFlight.push({ key, release: resolve });
      await promise;
      return {};
    },
    getOrder: async () => {
      throw new ConnectError('no', Code.NotFound);
    },
    async *watchOrder(_request, { signal }) {
      yield {};
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const loadShedding = createLoadShedding({
    metrics,
    log: recorded.log,
    limits: { maxCalls: 2, maxQueuedCalls: 2, maxQueueMs: 500, maxStreams: 1, opsCallsPerSecond: 2, ...limits },
  });
  const transport = createRouterTransport(
    ({ service }) => {
      service(OrderService, implementation);
      service(OpsService, { getStatus: () => ({}) });
    },
    {
      router: {
        interceptors: createServerInterceptors({
          accessControl: allowEveryone,
          domain: DOMAIN,
          metrics,
          log: recorded.log,
          loadShedding,
        }),
      },
    },
  );
  const client = createClient(OrderService, transport);
  const answers = new Map<string, string>();
  /** Places an order and records how its call ended. */
  const place = async (key: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) => {
    client.createOrder(orderRequest({ idempotencyKey: key }), options).then(
      () => answers.set(key, 'ok'),
      (error: unknown) => answers.set(key, Code[ConnectError.from(error).code]!),
    );
    await settle();
  };
  const release = async () => {
    inFlight.shift()?.release();
    await settle();
  };
  const ops = createClient(OpsService, transport);
  return { client, ops, loadShedding, metrics, recorded, begun, waits, answers, place, release };
}

const rejection = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(
    () => Promise.reject(new Error('was served')),
    (error: unknown) => ConnectError.from(error),
  );

describe('a call beyond the limits', () => {
  it('is rejected at once, with the reason and a retry delay, and is not begun', async () => {
    const { client, place, begun } = serve({ maxQueuedCalls: 1 });
    for (const key of ['a', 'b', 'c']) await place(key);

    const error = await rejection(client.createOrder({ idempotencyKey: 'd' }));

    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'OVERLOADED', domain: 'shop' }]);
    const delay = error.findDetails(RetryInfoSchema)[0]!.retryDelay!;
    const delayMs = Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
    expect(delayMs).toBeGreaterThanOrEqual(500);
    expect(delayMs).toBeLessThanOrEqual(1_500);
    expect(begun).toEqual(['a', 'b']);
  });

  it('is counted in the metrics, and logged once in a while', async () => {
    const { client, metrics, recorded } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    client.createOrder(orderRequest()).catch(() => expect.unreachable('it stays in flight for ever'));
    await settle();
    for (let time = 0; time < 20; time += 1) await rejection(client.createOrder(orderRequest()));

    const text = await metrics.registry.metrics();
    expect(text).toContain('bulkhead_rejected_total{bulkhead="calls",service="order"} 20');
    expect(text).toContain('bulkhead_in_flight{bulkhead="calls",service="order"} 1');
    expect(text).toMatch(
      /rpc_server_call_duration_seconds_count\{.*CreateOrder",rpc_status_code="resource_exhausted"\} 20/,
    );
    expect(recorded.lines.filter(({ level }) => level !== 'debug')).toMatchObject([
      { level: 'warn', bulkhead: 'calls', rejected: 1 },
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    await rejection(client.createOrder(orderRequest()));
    expect(recorded.lines.at(-2)).toMatchObject({ level: 'warn', rejected: 20 });
  });
});

describe('a call that is announced', () => {
  const { createOrder, watchOrder } = OrderService.method;

  it('is refused before its body is read while the queue is full, and counted like one that was read', async () => {
    const { loadShedding, metrics, place, release } = serve({ maxQueuedCalls: 1 });
    const refusal = () => loadShedding.refusalOf({ service: OrderService, method: createOrder });
    for (const key of ['a', 'b']) await place(key);
    expect(refusal()).toBeUndefined();
    await place('c');

    expect(refusal()).toMatchObject({ reason: 'OVERLOADED', kind: 'resource_exhausted' });
    const text = await metrics.registry.metrics();
    expect(text).toContain('bulkhead_rejected_total{bulkhead="calls",service="order"} 1');
    expect(text).toMatch(/duration_seconds_count\{.*CreateOrder",rpc_status_code="resource_exhausted"\} 1/);
    await release();
    expect(refusal()).toBeUndefined();
  });

  it('is not refused under overload: it takes the place of the oldest', async () => {
    const { loadShedding, place } = serve({ maxQueuedCalls: 1 });
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await place(key);

    expect(loadShedding.refusalOf({ service: OrderService, method: createOrder })).toBeUndefined();
  });

  it('of a stream is refused while all places of streams are taken, one of operators never', async () => {
    const { client, loadShedding, place } = serve({ maxQueuedCalls: 0 });
    for (const key of ['a', 'b']) await place(key);
    const watching = client.watchOrder({ orderId: 'ord124' })[Symbol.asyncIterator]();
    await Promise.all([watching.next(), settle()]);

    expect(loadShedding.refusalOf({ service: OrderService, method: watchOrder })).toMatchObject({
      reason: 'OVERLOADED',
    });
    expect(loadShedding.refusalOf({ service: OpsService, method: OpsService.method.getStatus })).toBeUndefined();
  });

  it('of OpsService is refused beyond its calls per second, twice as many at once, whatever room there is for others', async () => {
    const { loadShedding, metrics } = serve();
    const call = () => loadShedding.refusalOf({ service: OpsService, method: OpsService.method.getStatus });
    expect([call(), call(), call(), call()]).toEqual([undefined, undefined, undefined, undefined]);
    expect(call()).toMatchObject({ reason: 'OVERLOADED', kind: 'resource_exhausted' });
    expect(loadShedding.refusalOf({ service: OrderService, method: createOrder })).toBeUndefined();
    expect(await metrics.registry.metrics()).toContain('rejected_total{bulkhead="ops",service="order"} 1');

    vi.advanceTimersByTime(500);
    expect(call()).toBeUndefined();
    expect(call()).toMatchObject({ reason: 'OVERLOADED' });
  });
});

describe('a queued call', () => {
  it('begins when another ends, in turn while no more calls arrive than end', async () => {
    const { place, release, begun, answers } = serve();
    for (const key of ['a', 'b', 'c', 'd']) await place(key);

    await release();
    expect(begun).toEqual(['a', 'b', 'c']);
    await release();
    expect(begun).toEqual(['a', 'b', 'c', 'd']);

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', b: 'ok' });
  });

  it('is rejected in favour of newer calls, the oldest first, when the queue overflows', async () => {
    const { place, release, begun, answers } = serve();
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await place(key);
    expect(Object.fromEntries(answers)).toEqual({ c: 'ResourceExhausted', d: 'ResourceExhausted' });

    await release();
    await release();

    expect(begun).toEqual(['a', 'b', 'f', 'e']);
  });

  it('has its queue time in its context', async () => {
    const { place, release, waits } = serve({ maxCalls: 1 });
    await place('a');
    await place('b');

    await vi.advanceTimersByTimeAsync(399);
    await release();

    expect(waits).toEqual([0, 400]);
  });

  it('is rejected after the queue limit, and never begun', async () => {
    const { place, release, begun, answers } = serve();
    for (const key of ['a', 'b', 'c']) await place(key);

    await vi.advanceTimersByTimeAsync(500);
    await release();

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', c: 'ResourceExhausted' });
    expect(begun).toEqual(['a', 'b']);
  });

  it('is never begun when its deadline passed, nor when its caller gave up', async () => {
    const { place, release, begun, answers } = serve();
    const caller = new AbortController();
    for (const key of ['a', 'b']) await place(key);
    await place('late', { timeoutMs: 100 });
    await place('gone', { signal: caller.signal });

    caller.abort();
    await vi.advanceTimersByTimeAsync(100);
    await release();
    await release();

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', b: 'ok', late: 'DeadlineExceeded', gone: 'Canceled' });
    expect(begun).toEqual(['a', 'b']);
  });
});

describe('a slot', () => {
  it('is free again after an error', async () => {
    const { client } = serve({ maxCalls: 1, maxQueuedCalls: 0 });

    for (let time = 0; time < 3; time += 1)
      expect((await rejection(client.getOrder({ orderId: 'ord124' }))).code).toBe(Code.NotFound);
  });

  it('of a stream is separate, and free again when the stream ends', async () => {
    const { client, place, answers, release } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    const reader = new AbortController();
    const watching = client.watchOrder({ orderId: 'ord124' }, { signal: reader.signal })[Symbol.asyncIterator]();
    await watching.next();
    const watchOnce = async () => (await client.watchOrder({ orderId: 'ord124' })[Symbol.asyncIterator]().next()).done;

    expect((await rejection(watchOnce())).code).toBe(Code.ResourceExhausted);
    await place('a');
    await release();
    expect(answers.get('a')).toBe('ok');
    const ended = rejection(watching.next());
    reader.abort();
    await ended;
    await settle();

    expect(await watchOnce()).toBe(false);
  });

  it('is not needed by calls of operators', async () => {
    const { ops, place } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    await place('a');

    await expect(ops.getStatus({})).resolves.toBeDefined();
  });
});
