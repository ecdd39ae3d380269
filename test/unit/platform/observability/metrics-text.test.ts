import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { type TextFormat, writeMetrics } from '#services/platform/observability/metrics-text.ts';

const textOf = async (registry: Registry, format: TextFormat): Promise<string> =>
  writeMetrics(await createMetricReader(registry, async () => undefined)(), format);

function createExample(): Registry {
  const registry = new Registry();
  const registers = [registry];
  registry.setDefaultLabels({ service: 'order' });
  new Counter({ name: 'events_total', help: 'Events', labelNames: ['kind'], registers }).inc({ kind: 'a"b\\c\nd' }, 3);
  new Gauge({ name: 'age_seconds', help: 'Age of\nthe "oldest"', registers }).set(Number.POSITIVE_INFINITY);
  const seconds = new Histogram({ name: 'call_seconds', help: 'Calls', buckets: [0.1, 1], registers });
  seconds.observe(0.5);
  seconds.observe(7);
  return registry;
}

const HISTOGRAM = [
  'call_seconds_bucket{le="0.1",service="order"} 0',
  'call_seconds_bucket{le="1",service="order"} 1',
  'call_seconds_bucket{le="+Inf",service="order"} 2',
  'call_seconds_sum{service="order"} 7.5',
  'call_seconds_count{service="order"} 2',
];

it("in Prometheus' format a counter has its full name everywhere", async () => {
  expect(await textOf(createExample(), 'prometheus')).toBe(
    `${[
      '# HELP events_total Events',
      '# TYPE events_total counter',
      'events_total{kind="a\\"b\\\\c\\nd",service="order"} 3',
      '# HELP age_seconds Age of\\nthe "oldest"',
      '# TYPE age_seconds gauge',
      'age_seconds{service="order"} +Inf',
      '# HELP call_seconds Calls',
      '# TYPE call_seconds histogram',
      ...HISTOGRAM,
    ].join('\n')}\n`,
  );
});

it('in OpenMetrics a counter is described without its suffix, units are named, and the end is marked', async () => {
  expect(await textOf(createExample(), 'openmetrics')).toBe(
    `${[
      '# HELP events Events',
      '# TYPE events counter',
      'events_total{kind="a\\"b\\\\c\\nd",service="order"} 3',
      '# HELP age_seconds Age of\\nthe \\"oldest\\"',
      '# TYPE age_seconds gauge',
      '# UNIT age_seconds seconds',
      'age_seconds{service="order"} +Inf',
      '# HELP call_seconds Calls',
      '# TYPE call_seconds histogram',
      '# UNIT call_seconds seconds',
      ...HISTOGRAM,
      '# EOF',
    ].join('\n')}\n`,
  );
});

it('every series has the same name and labels in both formats', async () => {
  const { registry, eventsPublished, rpcServerDuration } = createMetrics('order', true);
  eventsPublished.inc({ messaging_destination_name: 'shop.order.v1.OrderCreated' });
  rpcServerDuration.observe({ rpc_method: 'OrderService/GetOrder' }, 0.2);
  const seriesIn = async (format: TextFormat) =>
    (await textOf(registry, format))
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')));

  const series = await seriesIn('openmetrics');

  expect(series.length).toBeGreaterThan(40);
  expect(series).toEqual(await seriesIn('prometheus'));
});

it('an exemplar is written in OpenMetrics alone', async () => {
  const exemplar = { labelSet: { trace_id: 'abc', span_id: 'def' }, value: 0.5, timestamp: 1_700_000_000.25 };
  const family = { name: 'call_seconds', help: 'Calls', type: 'histogram', values: [] };
  const values = [{ metricName: 'call_seconds_bucket', labels: { le: '1' }, value: 1, exemplar }];
  const families = [{ ...family, values }] as unknown as Parameters<typeof writeMetrics>[0];

  expect(writeMetrics(families, 'openmetrics')).toContain(
    'call_seconds_bucket{le="1"} 1 # {trace_id="abc",span_id="def"} 0.5 1700000000.25\n',
  );
  expect(writeMetrics(families, 'prometheus')).toContain('call_seconds_bucket{le="1"} 1\n');
});
