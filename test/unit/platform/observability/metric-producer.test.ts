import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import { createOrderMetrics } from '#services/order/order-metrics.ts';
import { attributeNameOf, metricNameOf } from '#services/platform/observability/metric-names.ts';
import { createMetricProducer } from '#services/platform/observability/metric-producer.ts';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createLimitCounter } from '#services/platform/runtime/server-limits.ts';

async function produce(registry: Registry): Promise<readonly MetricData[]> {
  const read = createMetricReader(registry, async () => undefined);
  const { resourceMetrics, errors } = await createMetricProducer(read, resourceFromAttributes({})).collect();
  expect(errors).toEqual([]);
  return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
}

it('a counter becomes a monotonic sum since the start of the process', async () => {
  const registry = new Registry();
  const events = new Counter({ name: 'events_total', help: 'Events', labelNames: ['kind'], registers: [registry] });
  events.inc({ kind: 'a' }, 2);
  events.inc({ kind: 'b' });

  const [sum] = await produce(registry);

  expect(sum).toMatchObject({
    descriptor: { name: 'events_total', description: 'Events', unit: '' },
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [
      { attributes: { kind: 'a' }, value: 2 },
      { attributes: { kind: 'b' }, value: 1 },
    ],
  });
  const { startTime, endTime } = sum!.dataPoints[0]!;
  expect(startTime[0]).toBe(Math.floor(performance.timeOrigin / 1_000));
  expect(endTime[0]).toBeGreaterThanOrEqual(startTime[0]);
});

it('a gauge stays one, with the unit of its name', async () => {
  const registry = new Registry();
  new Gauge({ name: 'messaging_outbox_oldest_age_seconds', help: 'Age', registers: [registry] }).set(1.5);
  new Gauge({ name: 'process_resident_memory_bytes', help: 'Memory', registers: [registry] }).set(7);

  expect(await produce(registry)).toMatchObject([
    { descriptor: { unit: 's' }, dataPointType: DataPointType.GAUGE, dataPoints: [{ attributes: {}, value: 1.5 }] },
    { descriptor: { unit: 'By' }, dataPoints: [{ value: 7 }] },
  ]);
});

it('what goes up and down and is added over processes is a sum that is not monotonic', async () => {
  const metrics = createMetrics('order');
  metrics.observeConnections('calls', () => ({ used: 3, idle: 1, pending: 2, max: 8 }));

  const pending = (await produce(metrics.registry)).find(
    ({ descriptor }) => descriptor.name === 'db.client.connection.pending_requests',
  );

  expect(pending).toMatchObject({
    descriptor: { unit: '{request}' },
    dataPointType: DataPointType.SUM,
    isMonotonic: false,
    dataPoints: [{ attributes: { 'db.client.connection.pool.name': 'calls' }, value: 2 }],
  });
});

it("a histogram's buckets hold what is between their bounds, for each series", async () => {
  const registry = new Registry();
  const configuration = { name: 'call_seconds', help: 'Calls', labelNames: ['rpc_method'], buckets: [0.1, 1, 10] };
  const seconds = new Histogram({ ...configuration, registers: [registry] });
  for (const value of [0.05, 0.5, 0.75, 5, 20, 30]) seconds.observe({ rpc_method: 'Get' }, value);
  seconds.observe({ rpc_method: 'List' }, 0.5);

  const [histogram] = await produce(registry);

  expect(histogram).toMatchObject({
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: [
      {
        attributes: { 'rpc.method': 'Get' },
        value: { buckets: { boundaries: [0.1, 1, 10], counts: [1, 2, 1, 2] }, sum: 56.3, count: 6 },
      },
      { attributes: { 'rpc.method': 'List' }, value: { buckets: { counts: [0, 1, 0, 0] }, sum: 0.5, count: 1 } },
    ],
  });
  expect(Object.keys(histogram!.dataPoints[0]!.attributes)).toEqual(['rpc.method']);
});

it('a metric that has no series yet is left out', async () => {
  const registry = new Registry();
  new Counter({ name: 'events_total', help: 'Events', labelNames: ['kind'], registers: [registry] });

  expect(await produce(registry)).toEqual([]);
});

/** The suffix of Prometheus for a unit of OpenTelemetry; a unit in braces only says what is counted. */
const SUFFIXES: Record<string, string> = { s: '_seconds', By: '_bytes' };

it('what a receiver makes of the names for Prometheus is what Prometheus scrapes, so that dashboards hold for both', () => {
  const { registry } = createMetrics('order', true);
  createOrderMetrics(registry, { countOpen: async () => ({}) as never });
  createJourneyMetrics(registry);
  createLimitCounter(registry);
  const families = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames: string[] }[];

  for (const { name, type, labelNames } of families) {
    const { name: own, unit } = metricNameOf(name);
    let expected = own.replaceAll('.', '_').replace(/_total$/, '');
    const suffix = SUFFIXES[unit] ?? '';
    if (!expected.endsWith(suffix)) expected += suffix;
    expect(type === 'counter' || own.endsWith('_total') ? `${expected}_total` : expected).toBe(name);
    expect(labelNames.map((label) => attributeNameOf(label).replaceAll('.', '_'))).toEqual(labelNames);
  }
  expect(families.length).toBeGreaterThan(30);
});
