// What a collector adds up when it gets deltas, with exports that fail, hang and overlap.
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { exportDeltas } from '#services/platform/observability/metric-deltas.ts';
import { createMetricProducer, type HistogramPoint } from '#services/platform/observability/metric-producer.ts';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';

const { DELTA, CUMULATIVE } = AggregationTemporality;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A registry whose exports go to `received` unless told otherwise. */
function startExporting(preference: 'delta' | 'lowmemory' = 'delta') {
  const registry = new Registry();
  const producer = createMetricProducer(
    createMetricReader(registry, async () => undefined),
    resourceFromAttributes({}),
  );
  const received: MetricData[][] = [];
  const pending: ((result: ExportResult) => void)[] = [];
  let behaviour: 'take' | 'refuse' | 'hang' | 'throw' = 'take';
  const collector = {
    export: ({ scopeMetrics }: ResourceMetrics, done: (result: ExportResult) => void) => {
      if (behaviour === 'throw') throw new Error('cannot be serialized');
      if (behaviour === 'refuse') return done({ code: ExportResultCode.FAILED });
      received.push(scopeMetrics.flatMap(({ metrics }) => metrics));
      if (behaviour === 'hang') pending.push(done);
      else done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const exporter = exportDeltas(collector, preference);
  return {
    registry,
    received,
    /** Lets the export that hangs end. */
    answer: (code: ExportResultCode) => pending.shift()?.({ code }),
    /** Exports after ten seconds more, and returns the result; undefined while it hangs. */
    send: async (next: typeof behaviour = 'take'): Promise<ExportResultCode | undefined> => {
      behaviour = next;
      vi.advanceTimersByTime(10_000);
      let result: ExportResult | undefined;
      const { resourceMetrics } = await producer.collect();
      exporter.export(resourceMetrics, (ended) => {
        result = ended;
      });
      return result?.code;
    },
  };
}

const pointsOf = (metrics: readonly MetricData[] | undefined, name: string) =>
  metrics?.find(({ descriptor }) => descriptor.name === name)?.dataPoints;

it('a counter is sent as what was added since the export before, from the end of that to now', async () => {
  const { registry, received, send } = startExporting();
  const events = new Counter({ name: 'events_total', help: 'Events', labelNames: ['kind'], registers: [registry] });
  events.inc({ kind: 'a' }, 2);
  await send();
  events.inc({ kind: 'a' }, 3);
  events.inc({ kind: 'b' });
  await send();

  expect(received[1]).toMatchObject([{ aggregationTemporality: DELTA, isMonotonic: true }]);
  const [first, second] = received.map((metrics) => pointsOf(metrics, 'events_total'));
  expect(first).toMatchObject([{ attributes: { kind: 'a' }, value: 2 }]);
  expect(second).toMatchObject([
    { attributes: { kind: 'a' }, value: 3, startTime: first?.[0]?.endTime },
    { attributes: { kind: 'b' }, value: 1 },
  ]);
});

it('a histogram is sent with the counts, the sum and the exemplars since the export before', async () => {
  const { registry, received, send } = startExporting();
  const seconds = new Histogram({
    name: 'call_seconds',
    help: 'Calls',
    buckets: [0.1, 1],
    enableExemplars: true,
    registers: [],
  });
  registry.registerMetric(seconds);
  const observe = (value: number, trace_id: string) =>
    seconds.observe({ labels: {}, value, exemplarLabels: { trace_id } as never });
  observe(0.05, 'early');
  observe(0.5, 'early');
  await send();
  observe(0.75, 'late');
  observe(5, 'late');
  await send();

  const [histogram] = pointsOf(received[1], 'call_seconds') as HistogramPoint[];
  expect(received[1]).toMatchObject([{ aggregationTemporality: DELTA }]);
  expect(histogram?.value).toEqual({ buckets: { boundaries: [0.1, 1], counts: [0, 1, 1] }, sum: 5.75, count: 2 });
  expect(histogram?.exemplars.map(({ labelSet, value }) => [labelSet.trace_id, value])).toEqual([
    ['late', 0.75],
    ['late', 5],
  ]);
});

it.each(['refuse', 'throw'] as const)(
  'after an export that fails (%s), the next has its deltas too',
  async (trouble) => {
    const { registry, received, send } = startExporting();
    const events = new Counter({ name: 'events_total', help: 'Events', registers: [registry] });
    events.inc(1);
    await send();
    events.inc(10);
    await send(trouble).catch(() => undefined);
    events.inc(100);
    await send();

    expect(received.map((metrics) => pointsOf(metrics, 'events_total')?.[0]?.value)).toEqual([1, 110]);
    expect(pointsOf(received[1], 'events_total')?.[0]?.startTime).toEqual(
      pointsOf(received[0], 'events_total')?.[0]?.endTime,
    );
  },
);

it.each([
  ['is accepted late', ExportResultCode.SUCCESS, [1, 10, 100]],
  ['fails late', ExportResultCode.FAILED, [1, 10, 110]],
])('while an export hangs no other is sent; one that %s is neither lost nor doubled', async (_, code, sent) => {
  const { registry, received, send, answer } = startExporting();
  const events = new Counter({ name: 'events_total', help: 'Events', registers: [registry] });
  events.inc(1);
  await send();
  events.inc(10);
  expect(await send('hang')).toBeUndefined();
  events.inc(100);
  expect(await send()).toBe(ExportResultCode.FAILED);
  answer(code);
  await send();

  expect(received.map((metrics) => pointsOf(metrics, 'events_total')?.[0]?.value)).toEqual(sent);
});

it('what did not change is not sent again, except gauges', async () => {
  const { registry, received, send } = startExporting();
  new Counter({ name: 'events_total', help: 'Events', registers: [registry] }).inc(0);
  new Histogram({ name: 'call_seconds', help: 'Calls', registers: [registry] }).observe(1);
  new Gauge({ name: 'unsent', help: 'Unsent', registers: [registry] }).set(7);
  await send();
  await send();

  expect(received[0]?.map(({ descriptor }) => descriptor.name)).toEqual(['events_total', 'call_seconds', 'unsent']);
  expect(received[1]).toMatchObject([{ descriptor: { name: 'unsent' }, dataPoints: [{ value: 7 }] }]);
});

it('sums that go up and down count from the start of the process', async () => {
  const { registry, received, send } = startExporting();
  const pending = new Gauge({ name: 'db_client_connection_pending_requests', help: 'x', registers: [registry] });
  pending.set(7);
  await send();
  pending.set(5);
  await send();

  expect(received[1]).toMatchObject([{ aggregationTemporality: CUMULATIVE, isMonotonic: false }]);
  expect(received[1]?.[0]?.dataPoints).toMatchObject([{ value: 5 }]);
});

it('of counters, lowmemory leaves those as they are that are read from the system', async () => {
  const { registry, received, send } = startExporting('lowmemory');
  const cpu = new Counter({ name: 'process_cpu_seconds_total', help: 'CPU', registers: [registry] });
  const events = new Counter({ name: 'events_total', help: 'Events', registers: [registry] });
  for (const counter of [cpu, events]) counter.inc(2);
  await send();
  for (const counter of [cpu, events]) counter.inc(3);
  await send();

  expect(received[1]).toMatchObject([
    { aggregationTemporality: CUMULATIVE, dataPoints: [{ value: 5 }] },
    { aggregationTemporality: DELTA, dataPoints: [{ value: 3 }] },
  ]);
});

it('a counter and a histogram that were reset count from zero', async () => {
  const { registry, received, send } = startExporting();
  const events = new Counter({ name: 'events_total', help: 'Events', registers: [registry] });
  const seconds = new Histogram({ name: 'call_seconds', help: 'Calls', buckets: [1], registers: [registry] });
  events.inc(9);
  for (const value of [0.5, 2]) seconds.observe(value);
  await send();
  registry.resetMetrics();
  events.inc(4);
  seconds.observe(3);
  await send();

  expect(pointsOf(received[1], 'events_total')).toMatchObject([{ value: 4 }]);
  expect(pointsOf(received[1], 'call_seconds')).toMatchObject([
    { value: { count: 1, sum: 3, buckets: { counts: [0, 1] } } },
  ]);
});
