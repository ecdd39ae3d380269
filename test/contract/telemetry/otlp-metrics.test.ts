// Metrics on the wire: what a collector reads is what it would read from OpenTelemetry's own serializer, and exemplars too.
import { ValueType } from '@opentelemetry/api';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { createMetricProducer } from '#services/platform/observability/metric-producer.ts';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { encodeMetrics } from '#services/platform/observability/otlp-metric-encoding.ts';
import { readMetrics } from '../../support/telemetry/received-metrics.ts';

const TIMES = {
  startTime: [1_700_000_000, 1] as [number, number],
  endTime: [1_700_000_060, 999_999_999] as [number, number],
};
const SHARED = {
  descriptor: { name: 'sums', unit: '{thing}', description: 'Größe "x"\n', valueType: ValueType.DOUBLE },
  aggregationTemporality: AggregationTemporality.DELTA,
};
const HISTOGRAM = { buckets: { boundaries: [0.1, 1], counts: [1, 0, 2 ** 40] }, sum: 5.25, count: 2 ** 40 + 1 };
const EXEMPLAR = {
  labelSet: { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' },
  value: 0.25,
  timestamp: 1_700_000_059.123,
};

function requestOf(metrics: MetricData[], attributes = {}): ResourceMetrics {
  return { resource: resourceFromAttributes(attributes), scopeMetrics: [{ scope: { name: 'touchstone' }, metrics }] };
}

const ofOpenTelemetry = (request: ResourceMetrics) => {
  const body = ProtobufMetricsSerializer.serializeRequest(request);
  if (body === undefined) throw new Error('the serializer wrote nothing');
  return readMetrics(body);
};

it.each<[string, MetricData]>([
  [
    'a gauge',
    { ...SHARED, dataPointType: DataPointType.GAUGE, dataPoints: [{ ...TIMES, attributes: { é: 'ü' }, value: -1.5 }] },
  ],
  [
    'a counter',
    {
      ...SHARED,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: [
        { ...TIMES, attributes: { a: 'x', b: true }, value: 2 ** 53 },
        { ...TIMES, attributes: {}, value: 0 },
      ],
    },
  ],
  [
    'a sum that goes up and down',
    {
      ...SHARED,
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic: false,
      dataPoints: [{ ...TIMES, attributes: {}, value: Number.NaN }],
    },
  ],
  [
    'a histogram',
    {
      ...SHARED,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [{ ...TIMES, attributes: { a: '' }, value: HISTOGRAM, exemplars: [] } as never],
    },
  ],
])('%s is read as from the serializer of OpenTelemetry', (_, metric) => {
  const request = requestOf([metric], { 'service.name': 'order', team: 'a,b' });
  const read = readMetrics(encodeMetrics(request));

  expect(read).toEqual(ofOpenTelemetry(request));
  expect(read).toMatchObject([{ service: 'order', name: 'sums' }]);
});

it('all metrics of a service are read as from the serializer of OpenTelemetry', async () => {
  const metrics = createMetrics('order', true);
  metrics.rpcServerDuration.observe({ rpc_system_name: 'connectrpc', rpc_method: 'x/Y' }, 0.3);
  metrics.observeConnections('calls', () => ({ used: 3, idle: 1, pending: 2, max: 8 }));
  const read = createMetricReader(metrics.registry, async () => undefined);
  const { resourceMetrics } = await createMetricProducer(read, resourceFromAttributes({})).collect();

  const received = readMetrics(encodeMetrics(resourceMetrics));
  expect(received).toEqual(ofOpenTelemetry(resourceMetrics));
  expect(received.length).toBeGreaterThan(30);
});

it('the exemplars of a histogram are read with trace, span, value and time', () => {
  const point = { ...TIMES, attributes: {}, value: HISTOGRAM, exemplars: [EXEMPLAR] };
  const body = encodeMetrics(requestOf([{ ...SHARED, dataPointType: DataPointType.HISTOGRAM, dataPoints: [point] }]));

  expect(readMetrics(body)[0]?.points[0]?.exemplars).toEqual([
    {
      traceId: EXEMPLAR.labelSet.trace_id,
      spanId: EXEMPLAR.labelSet.span_id,
      value: 0.25,
      timeMs: 1_700_000_059_123,
    },
  ]);
});
