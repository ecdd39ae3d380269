// Metrics on their way to a collector that takes them, refuses them, hangs, or is not there.
import { context, trace } from '@opentelemetry/api';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { startMetricExport } from '#services/platform/observability/metric-export.ts';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createResource } from '#services/platform/observability/otlp-export.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { runService } from '#services/platform/runtime/run-service.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../../support/telemetry/otlp-receiver.ts';
import { recordLog } from '../support/recorded-log.ts';

const CALL = { rpc_system_name: 'connectrpc', rpc_method: 'shop.order.v1.OrderService/GetOrder' } as const;

/** Exports the metrics of the service `order` by these settings; `refresh` runs before each reading. */
async function startExport(
  collector: Pick<OtlpReceiver, 'url'>,
  settings: Record<string, string> = {},
  refresh: () => Promise<unknown> = async () => undefined,
) {
  const config = loadTelemetryConfig({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/v1/metrics`,
    OTEL_METRIC_EXPORT_INTERVAL: '20',
    ...settings,
  });
  if (config.metrics === undefined) throw new Error('these settings send no metrics');
  const { log, lines } = recordLog('order');
  const metrics = createMetrics('order');
  const read = createMetricReader(metrics.registry, refresh);
  return { metrics, lines, ...(await startMetricExport(config.metrics, createResource('order', config), read, log)) };
}

it('metrics reach the collector with name, unit, kind, buckets and the resource of their process', async () => {
  await using collector = await startOtlpReceiver();
  const { metrics, stop } = await startExport(collector, {
    OTEL_METRIC_EXPORT_INTERVAL: '60000',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=collector%20key',
    OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'gzip',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
  });
  metrics.rpcServerDuration.observe(CALL, 0.004);
  metrics.rpcServerDuration.observe(CALL, 20);
  metrics.eventsPublished.inc(
    { messaging_system: 'nats', messaging_destination_name: 'shop.order.v1.OrderCreated' },
    3,
  );
  metrics.outboxUnsent.set(7);
  await stop();

  const named = (name: string) => collector.metrics.find((metric) => metric.name === name);
  expect(named('rpc.server.call.duration')).toMatchObject({
    service: 'order',
    unit: 's',
    kind: 'histogram',
    temporality: 'cumulative',
    description: 'Duration of RPCs served, by status code',
    points: [
      {
        attributes: { 'rpc.system.name': 'connectrpc', 'rpc.method': CALL.rpc_method, service: 'order' },
        count: 2,
        value: 20.004,
        bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        bucketCounts: [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      },
    ],
  });
  expect(named('messaging.client.sent.messages')).toMatchObject({
    unit: '{message}',
    kind: 'sum',
    isMonotonic: true,
    temporality: 'cumulative',
    points: [{ attributes: { 'messaging.destination.name': 'shop.order.v1.OrderCreated' }, value: 3 }],
  });
  expect(named('messaging_outbox_unsent_messages')).toMatchObject({ kind: 'gauge', points: [{ value: 7 }] });
  expect(named('rpc.server.call.duration')?.resource).toMatchObject({
    'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'deployment.environment.name': 'staging',
  });
  expect(collector.headers[0]).toMatchObject({
    'x-api-key': 'collector key',
    'content-type': 'application/x-protobuf',
    'content-encoding': 'gzip',
  });
});

it('are read again for each export, with what has to be queried, and count from the start of the process', async () => {
  await using collector = await startOtlpReceiver();
  let reads = 0;
  const { metrics, stop } = await startExport(collector, {}, async () => metrics.outboxUnsent.set(++reads));
  const unsent = () => collector.metrics.filter(({ name }) => name === 'messaging_outbox_unsent_messages');
  await expect.poll(() => unsent().length).toBeGreaterThanOrEqual(3);
  await stop();

  const points = unsent().map(({ points: [point] }) => point);
  expect(points.map((point) => point?.value)).toEqual(points.map((_, index) => index + 1));
  expect(new Set(points.map((point) => point?.startMs))).toEqual(new Set([Math.floor(performance.timeOrigin)]));
});

it('a collector that refuses metrics is logged once, and once more when it accepts them: none of the sums is lost', async () => {
  await using collector = await startOtlpReceiver();
  collector.behaviour = 'refuse';
  const { metrics, stop, lines } = await startExport(collector);
  metrics.rpcServerDuration.observe(CALL, 0.004);
  await expect.poll(() => collector.headers.length).toBeGreaterThanOrEqual(3);
  await expect.poll(() => lines.map(({ level }) => level)).toEqual(['warn']);
  collector.behaviour = 'take';
  await expect.poll(() => lines.map(({ msg }) => msg)).toContain('metrics are sent again');
  await stop();

  expect(lines).toHaveLength(2);
  expect(collector.metrics.find(({ name }) => name === 'rpc.server.call.duration')?.points).toMatchObject([
    { count: 1 },
  ]);
});

describe.each(['delta', 'lowmemory'])('metrics sent by the preference %s', (preference) => {
  const settings = {
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference,
    // An export may take as long as the interval. After that it is sent again, although the collector may have taken it.
    OTEL_METRIC_EXPORT_INTERVAL: '500',
  };
  const name = 'rpc.server.call.duration';
  const durationsAt = (collector: OtlpReceiver) => collector.metrics.filter((metric) => metric.name === name);
  const countsAt = (collector: OtlpReceiver) =>
    durationsAt(collector).flatMap(({ points }) => points.map(({ count }) => count));

  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

  it('add up to what was counted, over several exports of which some are refused', async () => {
    await using collector = await startOtlpReceiver();
    const { metrics, lines, stop } = await startExport(collector, settings);
    const observe = (times: number) => {
      for (let count = 0; count < times; count += 1) metrics.rpcServerDuration.observe(CALL, 0.004);
    };
    observe(1);
    await expect.poll(() => countsAt(collector)).toEqual([1]);
    observe(2);
    await expect.poll(() => countsAt(collector)).toEqual([1, 2]);
    collector.behaviour = 'refuse';
    const answered = collector.headers.length;
    observe(4);
    await expect.poll(() => collector.headers.length).toBeGreaterThanOrEqual(answered + 3);
    observe(8);
    collector.behaviour = 'take';
    await expect.poll(() => total(countsAt(collector))).toBe(15);
    observe(16);
    await stop();

    expect(total(countsAt(collector))).toBe(31);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
    const sent = durationsAt(collector);
    expect(new Set(sent.map(({ temporality }) => temporality))).toEqual(new Set(['delta']));
    expect(sent.map(({ points: [point] }) => point?.bucketCounts[2])).toEqual(countsAt(collector));
    // One interval begins where the one before ended, or later: exports without a call are between them.
    for (const [index, { points }] of sent.entries()) {
      expect(points[0]?.startMs).toBeGreaterThanOrEqual(
        sent[index - 1]?.points[0]?.timeMs ?? performance.timeOrigin - 1,
      );
    }
  });

  it('begin at zero in a process that was started again, which the collector tells from the one before', async () => {
    await using collector = await startOtlpReceiver();
    for (const times of [3, 2]) {
      const { metrics, stop } = await startExport(collector, { ...settings, OTEL_METRIC_EXPORT_INTERVAL: '60000' });
      for (let count = 0; count < times; count += 1) metrics.rpcServerDuration.observe(CALL, 0.004);
      await stop();
    }

    expect(countsAt(collector)).toEqual([3, 2]);
    expect(new Set(durationsAt(collector).map(({ resource }) => resource['service.instance.id'])).size).toBe(2);
  });
});

it('an observation in a recorded trace is sent as the exemplar of its bucket', async () => {
  await using collector = await startOtlpReceiver();
  const { metrics, stop } = await startExport(collector);
  installTracing();
  const span = new TracerProvider().getTracer('test').startSpan('call');
  const before = Date.now();
  context.with(trace.setSpan(context.active(), span), () => metrics.rpcServerDuration.observe(CALL, 0.004));
  metrics.rpcServerDuration.observe(CALL, 0.002);
  await stop();

  const point = collector.metrics.findLast(({ name }) => name === 'rpc.server.call.duration')?.points[0];
  const { traceId, spanId } = span.spanContext();
  expect(point).toMatchObject({ count: 2, exemplars: [{ traceId, spanId, value: 0.004 }] });
  expect(point?.exemplars[0]?.timeMs).toBeGreaterThanOrEqual(before);
});

it('metrics that cannot be read are not sent; the next export has them', async () => {
  await using collector = await startOtlpReceiver();
  let reads = 0;
  const { stop } = await startExport(collector, {}, async () => {
    reads += 1;
    if (reads === 1) throw new Error('not now');
  });
  await expect.poll(() => collector.metrics.length).toBeGreaterThan(0);
  await stop();

  expect(reads).toBeGreaterThanOrEqual(2);
});

it.each<['hangs' | 'is gone']>([['hangs'], ['is gone']])(
  'a collector that %s does not hold up the stop for long',
  async (trouble) => {
    await using collector = await startOtlpReceiver();
    if (trouble === 'hangs') collector.behaviour = 'hang';
    else await collector[Symbol.asyncDispose]();
    const { stop } = await startExport(collector);
    const start = performance.now();
    await stop();
    expect(performance.now() - start).toBeLessThan(8_000);
  },
);

it('what a service counts while it stops is sent as well', async () => {
  await using collector = await startOtlpReceiver();
  const { registry, eventsPublished } = createMetrics('order');
  const exited = Promise.withResolvers<number>();
  const listeners = new Map<string, (argument: unknown) => void>();
  const service = {
    name: 'order',
    start: async () => ({ host: '127.0.0.1', port: 1, url: 'http://127.0.0.1:1' }),
    stop: async () =>
      eventsPublished.inc({ messaging_system: 'nats', messaging_destination_name: 'shop.order.v1.OrderCreated' }, 3),
    readMetrics: createMetricReader(registry, async () => undefined),
    [Symbol.asyncDispose]: async () => undefined,
  };
  await runService(
    {
      env: {
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/v1/metrics`,
        OTEL_METRIC_EXPORT_INTERVAL: '60000',
      },
      stderr: process.stderr,
      on: (event, listener) => listeners.set(event, listener),
      exit: (code) => exited.resolve(code) as never,
    },
    'order',
    () => ({ logLevel: 'silent' }),
    () => service,
  );

  listeners.get('SIGTERM')?.('SIGTERM');

  expect(await exited.promise).toBe(0);
  const sent = collector.metrics.find(({ name }) => name === 'messaging.client.sent.messages');
  expect(sent?.points).toMatchObject([{ value: 3 }]);
});
