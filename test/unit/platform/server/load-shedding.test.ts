import { Code, ConnectError, createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { type CallLimits, queueWaitMs } from '#services/platform/server/load-shedding.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(1);

/** A service whose calls are at work until they are let go, in the order in which they came in. */
function serve(limits: Partial<CallLimits> = {}) {
  const metrics = createMetrics('order');
  const recorded = recordLog();
  const atWork: { key: string; letGo: () => void }[] = [];
  const begun: string[] = [];
  const waits: number[] = [];
  const implementation: Partial<ServiceImpl<typeof OrderService>> = {
    createOrder: async ({ idempotencyKey: key }, context) => {
      waits.push(Math.round(queueWaitMs(context)));
      const { promise, resolve } = Promise.withResolvers<void>();
      begun.push(key);
      atWork.push({ key, letGo: resolve });
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
  const transport = createRouterTransport(
    ({ service }) => {
      service(OrderService, implementation);
      service(OpsService, { getStatus: () => ({}) });
    },
    {
      router: {
        interceptors: createServerInterceptors({
          domain: DOMAIN,
          metrics,
          log: recorded.log,
          limits: { maxCalls: 2, maxQueuedCalls: 2, maxQueueMs: 500, maxStreams: 1, ...limits },
        }),
      },
    },
  );
  const client = createClient(OrderService, transport);
  const answers = new Map<string, string>();
  /** Places an order and notes how its call ended. */
  const place = async (key: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) => {
    client.createOrder({ idempotencyKey: key }, options).then(
      () => answers.set(key, 'ok'),
      (error: unknown) => answers.set(key, Code[ConnectError.from(error).code]!),
    );
    await settle();
  };
  const letGo = async () => {
    atWork.shift()?.letGo();
    await settle();
  };
  return { client, ops: createClient(OpsService, transport), metrics, recorded, begun, waits, answers, place, letGo };
}

const rejection = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(
    () => Promise.reject(new Error('was served')),
    (error: unknown) => ConnectError.from(error),
  );

describe('a call too many', () => {
  it('is refused at once, with the reason and when to come back, and was not begun', async () => {
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

  it('is told from the others in the metrics, and in the log once in a while', async () => {
    const { client, metrics, recorded } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    client.createOrder({}).catch(() => expect.unreachable('it is at work for ever'));
    await settle();
    for (let time = 0; time < 20; time += 1) await rejection(client.createOrder({}));

    const text = await metrics.registry.metrics();
    expect(text).toContain('bulkhead_rejected_total{bulkhead="calls",service="order"} 20');
    expect(text).toContain('bulkhead_in_flight{bulkhead="calls",service="order"} 1');
    expect(text).toMatch(
      /rpc_server_call_duration_seconds_count\{.*CreateOrder",rpc_response_status_code="resource_exhausted"\} 20/,
    );
    expect(recorded.lines.filter(({ level }) => level !== 'debug')).toMatchObject([
      { level: 'warn', bulkhead: 'calls', rejected: 1 },
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    await rejection(client.createOrder({}));
    expect(recorded.lines.at(-2)).toMatchObject({ level: 'warn', rejected: 20 });
  });
});

describe('a call that waits', () => {
  it('is begun when another ends, the last that came first', async () => {
    const { place, letGo, begun, answers } = serve();
    for (const key of ['a', 'b', 'c', 'd']) await place(key);

    await letGo();
    expect(begun).toEqual(['a', 'b', 'd']);
    await letGo();
    expect(begun).toEqual(['a', 'b', 'd', 'c']);

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', b: 'ok' });
  });

  it('makes room for those who come after it, whoever waits longest first, when more and more come', async () => {
    const { place, letGo, begun, answers } = serve();
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await place(key);
    expect(Object.fromEntries(answers)).toEqual({ c: 'ResourceExhausted', d: 'ResourceExhausted' });

    await letGo();
    await letGo();

    expect(begun).toEqual(['a', 'b', 'f', 'e']);
  });

  it('knows how long that was, for its caller waited as long', async () => {
    const { place, letGo, waits } = serve({ maxCalls: 1 });
    await place('a');
    await place('b');

    await vi.advanceTimersByTimeAsync(399);
    await letGo();

    expect(waits).toEqual([0, 400]);
  });

  it('is refused when it waited long enough, and never begun', async () => {
    const { place, letGo, begun, answers } = serve();
    for (const key of ['a', 'b', 'c']) await place(key);

    await vi.advanceTimersByTimeAsync(500);
    await letGo();

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', c: 'ResourceExhausted' });
    expect(begun).toEqual(['a', 'b']);
  });

  it('is never begun when its deadline passed, nor when its caller gave up', async () => {
    const { place, letGo, begun, answers } = serve();
    const caller = new AbortController();
    for (const key of ['a', 'b']) await place(key);
    await place('late', { timeoutMs: 100 });
    await place('gone', { signal: caller.signal });

    caller.abort();
    await vi.advanceTimersByTimeAsync(100);
    await letGo();
    await letGo();

    expect(Object.fromEntries(answers)).toEqual({ a: 'ok', b: 'ok', late: 'DeadlineExceeded', gone: 'Canceled' });
    expect(begun).toEqual(['a', 'b']);
  });
});

describe('a place', () => {
  it('is free again after an error', async () => {
    const { client } = serve({ maxCalls: 1, maxQueuedCalls: 0 });

    for (let time = 0; time < 3; time += 1) expect((await rejection(client.getOrder({}))).code).toBe(Code.NotFound);
  });

  it('of a stream is its own, and free again when the stream ends', async () => {
    const { client, place, answers, letGo } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    const reader = new AbortController();
    const watching = client.watchOrder({}, { signal: reader.signal })[Symbol.asyncIterator]();
    await watching.next();
    const watchOnce = async () => (await client.watchOrder({})[Symbol.asyncIterator]().next()).done;

    expect((await rejection(watchOnce())).code).toBe(Code.ResourceExhausted);
    await place('a');
    await letGo();
    expect(answers.get('a')).toBe('ok');
    const ended = rejection(watching.next());
    reader.abort();
    await ended;
    await settle();

    expect(await watchOnce()).toBe(false);
  });

  it('is not needed by operators', async () => {
    const { ops, place } = serve({ maxCalls: 1, maxQueuedCalls: 0 });
    await place('a');

    await expect(ops.getStatus({})).resolves.toBeDefined();
  });
});
