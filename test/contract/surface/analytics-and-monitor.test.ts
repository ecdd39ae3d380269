// The operational surface of analytics and the monitor: health, reflection, metrics and status, over every protocol.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { Journey } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { asAllowedCaller, headersOf } from '../../support/identity/credentials.ts';
import { clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import { startAnalyticsFixture } from '../../support/services/analytics.ts';
import { startMonitorFixture } from '../../support/services/monitor.ts';
import { runProgram } from '../../support/stack.ts';

type Name = 'analytics' | 'monitor';

const resources = new AsyncDisposableStack();
const urls = { analytics: '', monitor: '' };

beforeAll(async () => {
  const [house, world] = await Promise.all([startAnalyticsFixture(), startMonitorFixture()]);
  urls.analytics = resources.use(house).url;
  urls.monitor = resources.use(world).url;
});
afterAll(() => resources.disposeAsync());

const EVERY_CALL = (['analytics', 'monitor'] as const).flatMap((name) =>
  PROTOCOLS.map((protocol): [Name, string] => [name, protocol]),
);

describe('health', () => {
  it.each(EVERY_CALL)('of %s over %s is SERVING: overall, for its RPCs and for its broker', async (name, protocol) => {
    const health = clientBy(protocol, urls[name], HealthService);
    const own = { analytics: AnalyticsService.typeName, monitor: MonitorService.typeName }[name];

    for (const service of ['', own, OpsService.typeName, 'broker']) {
      await expect.poll(() => health.check({ service })).toMatchObject({ status: ServingStatus.SERVING });
    }
    await expect(health.check({ service: 'shop.order.v1.OrderService' })).rejects.toThrow('not_found');
  });
});

describe('reflection', () => {
  it.each<[Name, string[]]>([
    ['analytics', AnalyticsService.methods.map(({ name }) => `${AnalyticsService.typeName}/${name}`)],
    ['monitor', MonitorService.methods.map(({ name }) => `${MonitorService.typeName}/${name}`)],
  ])('of %s lists its RPCs, those of operators, and no others of the shop', async (name, methods) => {
    const { stdout } = await runProgram('buf', ['curl', '--http2-prior-knowledge', '--list-methods', urls[name]]);

    const ops = OpsService.methods.map((method) => `${OpsService.typeName}/${method.name}`);
    const listed = stdout.split('\n').filter((line) => line.startsWith('shop.'));
    expect(listed.sort()).toEqual([...methods, ...ops].sort());
  });

  it('is enough to run a journey and to read the sales', async () => {
    const operator = await headersOf('operator', 'op1');
    const monitor = await connectByReflection(new URL(urls.monitor).host, MonitorService.typeName);
    const analytics = await connectByReflection(new URL(urls.analytics).host, AnalyticsService.typeName);
    try {
      expect(
        await callUnary(
          monitor,
          'runJourney',
          { idempotency_key: 'by-reflection', journey: 'JOURNEY_DECLINE' },
          operator,
        ),
      ).toMatchObject({ run: { journey: 'JOURNEY_DECLINE', result: 'RUN_RESULT_SUCCEEDED' } });
      const sales = await callUnary<{ summary: { steps: unknown[] } }>(analytics, 'getSalesSummary', {}, operator);
      expect(sales.summary.steps).toHaveLength(12);
    } finally {
      monitor.close();
      analytics.close();
    }
  });
});

describe('the RPCs', () => {
  it.each(PROTOCOLS)('return the same over %s', async (protocol) => {
    const monitor = clientBy(protocol, urls.monitor, MonitorService);
    const analytics = clientBy(protocol, urls.analytics, AnalyticsService);
    const byGrpc = createClient(
      MonitorService,
      createGrpcTransport({ baseUrl: urls.monitor, interceptors: [asAllowedCaller()] }),
    );
    const request = { idempotencyKey: 'the-same-by-all', journey: Journey.QUOTE };

    expect(await monitor.runJourney(request)).toEqual(await byGrpc.runJourney(request));
    const leaving = new AbortController();
    const sales = analytics.watchSales({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    expect((await sales.next()).value?.summary).toMatchObject({ ordersCreated: 0n, syntheticOrders: 0n });
    leaving.abort();
  });
});

describe('the operators’ service', () => {
  it.each(EVERY_CALL)('of %s reports a healthy status over %s', async (name, protocol) => {
    const { status } = await clientBy(protocol, urls[name], OpsService).getStatus({});

    expect(status).toMatchObject({ service: name, databaseUp: true, broker: { connected: true }, deadLetters: 0n });
    expect(status?.breakers.map(({ dependency, state }) => [dependency, state])).toEqual(
      name === 'monitor' ? [['order', BreakerState.CLOSED]] : [],
    );
    expect(status?.consumers.map(({ stream }) => stream)).toEqual(
      name === 'monitor' ? [] : ['SHOP_ORDER', 'SHOP_INVENTORY', 'SHOP_PAYMENT', 'SHOP_NOTIFICATION'],
    );
  });
});

describe('/metrics', () => {
  it.each<[Name, RegExp[]]>([
    [
      'analytics',
      [
        /rpc_server_call_duration_seconds_count\{.*AnalyticsService\/GetSalesSummary",rpc_status_code="ok"[^}]*\} [1-9]/,
      ],
    ],
    [
      'monitor',
      ['order', 'decline', 'cancel', 'quote'].map(
        (journey) => new RegExp(`journey_runs_total\\{.*journey="${journey}"`),
      ),
    ],
  ])('of %s tells of its RPCs and its own, every series with its service', async (name, series) => {
    await clientBy('gRPC', urls.analytics, AnalyticsService).getSalesSummary({});
    const response = await fetch(`${urls[name]}/metrics`);
    const text = await response.text();

    expect(response.headers.get('content-type')).toContain('text/plain');
    for (const pattern of series) expect(text).toMatch(pattern);
    expect(text).toContain(`service="${name}"`);
  });
});
