import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { garbage, startFaultProxy } from '@touchstone/kit';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { DependencyPolicy } from '#services/platform/client/call-policy.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { startGate } from '../support/gate.ts';
import { recordLog } from '../support/recorded-log.ts';

type Check = ServiceImpl<typeof InventoryService>['checkAvailability'];

// The limit of the policy: no call here reaches it.
const LIMIT_MS = 20_000;
const SOON = { timeout: 10_000, interval: 20 };
const answered = { productId: '12345', available: true, quantity: 100 };
const never = () => new Promise<never>(() => undefined);

/** Starts a dependency that keeps a journal of its calls. */
async function startDependency(check: Check = async () => answered) {
  const journal: { timeoutMs: number; headers: Headers }[] = [];
  const checkAvailability = (request: Parameters<Check>[0], context: HandlerContext) => {
    journal.push({
      timeoutMs: Number(context.requestHeader.get('connect-timeout-ms')),
      headers: context.requestHeader,
    });
    return check(request, context);
  };
  const server = createRpcServer({
    routes: ({ service }) => {
      service(InventoryService, { checkAvailability });
      service(OrderService, {
        async *watchOrder() {
          yield {};
          await never();
        },
      });
    },
  });
  const { url } = await server.listen();
  return { journal, url, server, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}

/** The way to it, closed at the end of the test. */
function createWay(url: string, policy: Partial<DependencyPolicy> = {}) {
  const metrics = createMetrics('order');
  const { log, lines } = recordLog('order');
  const dependency = createDependency({
    url,
    policy: policyOf({ timeoutMs: LIMIT_MS, tryTimeoutMs: LIMIT_MS, breakerResetMs: 1_000, ...policy }),
    metrics,
    log,
  });
  return {
    dependency,
    metrics,
    lines,
    client: dependency.client(InventoryService),
    background: dependency.backgroundClient(InventoryService),
    state: () => dependency.breaker().state,
    [Symbol.asyncDispose]: dependency.stop,
  };
}

/** A port without a listener. */
async function findClosedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const failure = (kind: string) => ({ name: 'DependencyError', dependency: 'inventory', failure: kind });

describe('a deadline', () => {
  it.each([
    [14_000, 14_000],
    [90_000, 20_000],
    [undefined, 20_000],
    [12_500.9, 12_500],
  ])('of a caller who waits %s ms is on the wire as at most %d ms', async (timeoutMs, mostMs) => {
    await using dependency = await startDependency();
    await using way = createWay(dependency.url);

    await way.client.checkAvailability({}, timeoutMs === undefined ? {} : { timeoutMs });

    expect(dependency.journal).toHaveLength(1);
    expect(dependency.journal[0]!.timeoutMs).toBeLessThanOrEqual(mostMs);
    expect(dependency.journal[0]!.timeoutMs).toBeGreaterThan(mostMs - 10_000);
  });

  it('that passes is a timeout, in time, when the dependency hangs and when the network swallows everything', async () => {
    await using dependency = await startDependency(never);
    await using gate = await startGate(dependency.url);
    await using way = createWay(gate.url.replace(/\/$/, ''));
    const begin = performance.now();

    await expect(way.client.checkAvailability({}, { timeoutMs: 100 })).rejects.toMatchObject(failure('timeout'));
    gate.silence();
    await expect(way.client.checkAvailability({}, { timeoutMs: 100 })).rejects.toMatchObject(failure('timeout'));

    expect(performance.now() - begin).toBeLessThan(LIMIT_MS / 2);
  });
});

describe('a failure', () => {
  it('to connect is unreachable', async () => {
    await using way = createWay(`http://127.0.0.1:${await findClosedPort()}`);

    await expect(way.client.checkAvailability({})).rejects.toMatchObject(failure('unreachable'));
  });

  it('of a connection that is reset during the call is unreachable, and the next call reconnects', async () => {
    const entered = Promise.withResolvers<void>();
    const answers = [never, async () => answered];
    await using dependency = await startDependency(() => {
      entered.resolve();
      return answers.shift()!();
    });
    await using gate = await startGate(dependency.url);
    await using way = createWay(gate.url.replace(/\/$/, ''));
    const outcome = expect(way.client.checkAvailability({})).rejects.toMatchObject(failure('unreachable'));
    await entered.promise;

    gate.shut();
    await outcome;
    gate.open();

    await expect(way.client.checkAvailability({})).resolves.toMatchObject(answered);
  });

  it('that is a refusal carries its reason and is no failure of the dependency', async () => {
    const refusal = new ConnectError('not enough of 12345', Code.FailedPrecondition, undefined, [
      { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
    ]);
    await using dependency = await startDependency(() => Promise.reject(refusal));
    await using way = createWay(dependency.url, { breakerFailures: 1 });

    await expect(way.client.checkAvailability({})).rejects.toMatchObject({
      ...failure('refused'),
      reason: 'INSUFFICIENT_STOCK',
    });

    expect(way.state()).toBe('closed');
  });

  it.each([
    [Code.Internal, 'internal'],
    [Code.Unavailable, 'unreachable'],
    [Code.ResourceExhausted, 'overloaded'],
  ])('that the dependency answers as %d is %s', async (code, kind) => {
    await using dependency = await startDependency(() => Promise.reject(new ConnectError('no', code)));
    await using way = createWay(dependency.url);

    await expect(way.client.checkAvailability({})).rejects.toMatchObject(failure(kind));
  });

  it("that is the caller's own cancel is cancelled, ends the call at the dependency, and does not count", async () => {
    const signals: AbortSignal[] = [];
    await using dependency = await startDependency((_request, { signal }) => {
      signals.push(signal);
      return never();
    });
    await using way = createWay(dependency.url, { breakerFailures: 1 });
    const caller = new AbortController();
    const outcome = expect(way.client.checkAvailability({}, { signal: caller.signal })).rejects.toMatchObject(
      failure('cancelled'),
    );
    await vi.waitFor(() => expect(signals).toHaveLength(1), SOON);

    caller.abort();
    await outcome;

    await expect.poll(() => signals[0]!.aborted, SOON).toBe(true);
    expect(way.state()).toBe('closed');
  });
});

describe('a retry', () => {
  it('of a dependency that is down for a moment is made with the rest of the deadline, in the same trace', async () => {
    installTracing();
    const replies = [Code.Unavailable, Code.Aborted];
    await using dependency = await startDependency(async () => {
      const code = replies.shift();
      if (code !== undefined) throw new ConnectError('restarting', code);
      return answered;
    });
    await using way = createWay(dependency.url, { retries: 2, retryBackoff: { firstMs: 100, maximumMs: 100 } });

    await runInSpan({ name: 'order', kind: SpanKind.SERVER }, () =>
      way.client.checkAvailability({}, { timeoutMs: 15_000 }),
    );

    const [first, second, third] = dependency.journal.map(({ timeoutMs }) => timeoutMs);
    expect(dependency.journal).toHaveLength(3);
    expect(second).toBeLessThanOrEqual(first! - 50);
    expect(third).toBeLessThanOrEqual(second! - 50);
    const traces = dependency.journal.map(({ headers }) => traceIdOf(headers.get('traceparent') ?? ''));
    expect(new Set(traces).size).toBe(1);
  });

  it.each([
    [20, 2],
    [2_000, 1],
  ])(
    'waits as long as a dependency that sheds load asks for, or is not made: %d ms, %d calls',
    async (askedMs, calls) => {
      const retryDelay = { seconds: BigInt(Math.floor(askedMs / 1_000)), nanos: (askedMs % 1_000) * 1_000_000 };
      const shed = new ConnectError('too many', Code.ResourceExhausted, undefined, [
        { desc: RetryInfoSchema, value: { retryDelay } },
      ]);
      await using dependency = await startDependency(async () => {
        if (dependency.journal.length === 1) throw shed;
        return answered;
      });
      await using way = createWay(dependency.url, { retries: 2 });

      const outcome = await way.client.checkAvailability({}).then(
        () => 'answered',
        (error: { failure: string }) => error.failure,
      );

      expect(outcome).toBe(calls === 2 ? 'answered' : 'overloaded');
      expect(dependency.journal).toHaveLength(calls);
    },
  );
});

describe('the breaker', () => {
  it('opens at the fifth timeout, makes no sixth call, and closes after a probe that is answered', async () => {
    let isSlow = true;
    await using dependency = await startDependency(async () => {
      if (isSlow) throw new ConnectError('the deadline has passed', Code.DeadlineExceeded);
      return answered;
    });
    await using way = createWay(dependency.url);
    for (let time = 0; time < 5; time += 1) {
      expect(way.state()).toBe('closed');
      await expect(way.client.checkAvailability({})).rejects.toMatchObject(failure('timeout'));
    }

    expect(way.dependency.breaker()).toMatchObject({ state: 'open', reason: expect.stringContaining('deadline') });
    await expect(way.client.checkAvailability({})).rejects.toMatchObject(failure('circuit_open'));
    expect(dependency.journal).toHaveLength(5);
    isSlow = false;

    await vi.waitFor(() => way.client.checkAvailability({}), SOON);
    expect(way.state()).toBe('closed');
    expect(dependency.journal).toHaveLength(6);
    expect(way.lines.map(({ state }) => state)).toEqual(['open', 'half_open', 'closed']);
  });

  it('is in the metrics', async () => {
    await using way = createWay(`http://127.0.0.1:${await findClosedPort()}`, { breakerFailures: 1 });
    await expect(way.client.checkAvailability({})).rejects.toThrow();

    expect((await way.metrics.breakerState.get()).values).toMatchObject([
      { value: 2, labels: { dependency: 'inventory' } },
    ]);
    const { values } = await way.metrics.rpcClientDuration.get();
    expect(values.find(({ metricName }) => metricName === 'rpc_client_call_duration_seconds_count')).toMatchObject({
      value: 1,
      labels: {
        dependency: 'inventory',
        rpc_method: 'shop.inventory.v1.InventoryService/CheckAvailability',
        error_type: 'unreachable',
      },
    });
  });

  it('is not opened by background calls, but rejects them when open', async () => {
    await using way = createWay(`http://127.0.0.1:${await findClosedPort()}`, { breakerFailures: 2 });

    for (let time = 0; time < 5; time += 1) {
      await expect(way.background.checkAvailability({})).rejects.toMatchObject(failure('unreachable'));
    }
    expect(way.state()).toBe('closed');
    for (let time = 0; time < 2; time += 1) await expect(way.client.checkAvailability({})).rejects.toThrow();

    await expect(way.background.checkAvailability({})).rejects.toMatchObject(failure('circuit_open'));
  });
});

it('hands the trace on', async () => {
  installTracing();
  await using dependency = await startDependency();
  await using way = createWay(dependency.url);
  const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };

  await runInSpan({ name: 'order', kind: SpanKind.SERVER, headers }, () => way.client.checkAvailability({}));

  const traceparent = dependency.journal[0]!.headers.get('traceparent') ?? '';
  expect(traceIdOf(traceparent)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  expect(traceparent).not.toBe(headers.traceparent);
});

it('closes its connection at a stop, streams that run over it too', async () => {
  await using dependency = await startDependency();
  await using gate = await startGate(dependency.url);
  await using way = createWay(gate.url.replace(/\/$/, ''));
  const watching = way.dependency.client(OrderService).watchOrder({})[Symbol.asyncIterator]();
  await watching.next();
  const end = expect(watching.next()).rejects.toThrow();

  await way.dependency.stop();
  await end;

  const begin = performance.now();
  await dependency.server.stop({ graceMs: LIMIT_MS });
  expect(performance.now() - begin).toBeLessThan(LIMIT_MS / 2);
});

describe('a connection with garbage on it', () => {
  it('fails its calls and not the process', async () => {
    await using dependency = await startDependency();
    await using proxy = await startFaultProxy({ upstream: dependency.url });
    await using way = createWay(proxy.url, { breakerFailures: 1_000 });
    const fault = proxy.inject(garbage());
    const told: string[] = [];
    const callInTurn = async () => {
      for (let call = 0; call < 5; call += 1) {
        await way.client.checkAvailability({ productId: '12345' }).catch((error: Error) => told.push(error.name));
      }
    };

    // An error without a listener would end this process.
    await Promise.all([callInTurn(), callInTurn(), callInTurn(), callInTurn()]);

    expect(fault.hits).toBeGreaterThan(0);
    expect(new Set(told)).toEqual(new Set(['DependencyError']));
  });
});
