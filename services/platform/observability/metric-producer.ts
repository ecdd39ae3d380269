// The metrics of a service as OpenTelemetry's SDK takes them from other libraries: prom-client stays the only one that counts, and each
// export converts what it has counted.
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { attributeNameOf, metricNameOf } from './metric-names.ts';
import type { Exemplar, MetricFamily, ReadMetrics } from './metric-reader.ts';

const SCOPE = { name: 'touchstone' };

/** A histogram with what OpenTelemetry's SDK has no place for. */
export type HistogramPoint = DataPoint<Histogram> & {
  /** Observations in recorded traces: the last one of each bucket. */
  readonly exemplars: readonly Exemplar[];
};

/** Whether a point of the producer is of a histogram. */
export function isHistogramPoint(point: DataPoint<number> | HistogramPoint): point is HistogramPoint {
  return typeof point.value !== 'number';
}

type Values = MetricFamily['values'];
type Interval = { readonly startTime: HrTime; readonly endTime: HrTime };

/** Creates the producer; its sums count from the start of the process. */
export function createMetricProducer(read: ReadMetrics, resource: Resource): MetricProducer {
  const startTime = millisToHrTime(Math.floor(performance.timeOrigin));
  return {
    collect: async () => {
      const families = await read();
      const interval = { startTime, endTime: millisToHrTime(Date.now()) };
      const metrics = families.flatMap((family) => toMetricData(family, interval));
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: SCOPE, metrics }] }, errors: [] };
    },
  };
}

/** Converts one metric; OpenTelemetry has none that is like a summary, and one without series is left out. */
function toMetricData(family: MetricFamily, interval: Interval): MetricData[] {
  const { name, unit, isUpDownCounter } = metricNameOf(family.name);
  const shared = {
    descriptor: { name, unit, description: family.help, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (family.values.length === 0) return [];
  // prom-client types `type` as a number, but has a word there.
  switch (String(family.type)) {
    case 'counter':
      return [
        { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: toPoints(family, interval) },
      ];
    case 'gauge': {
      const dataPoints = toPoints(family, interval);
      return isUpDownCounter
        ? [{ ...shared, dataPointType: DataPointType.SUM, isMonotonic: false, dataPoints }]
        : [{ ...shared, dataPointType: DataPointType.GAUGE, dataPoints }];
    }
    case 'histogram':
      return [{ ...shared, dataPointType: DataPointType.HISTOGRAM, dataPoints: toHistograms(family, interval) }];
    default:
      return [];
  }
}

function toPoints({ values }: MetricFamily, interval: Interval): DataPoint<number>[] {
  return values.map(({ labels, value }) => ({ ...interval, attributes: toAttributes(labels), value }));
}

function toHistograms({ values }: MetricFamily, interval: Interval): HistogramPoint[] {
  const series = Map.groupBy(values, ({ labels: { le, ...others } }) => JSON.stringify(others));
  return [...series.values()].map((parts) => ({
    ...interval,
    attributes: toAttributes(parts[0]?.labels ?? {}),
    value: toHistogram(parts),
    // Copied: prom-client writes the next one into the same object.
    exemplars: parts.flatMap(({ exemplar }) => (exemplar?.labelSet.trace_id === undefined ? [] : { ...exemplar })),
  }));
}

// Prometheus' buckets hold what is below their bound, OpenTelemetry's what is between theirs and the one before.
function toHistogram(parts: Values): Histogram {
  const sums = parts.filter(({ labels }) => labels.le !== undefined);
  const valueWith = (suffix: string) => parts.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0;
  return {
    buckets: {
      boundaries: sums.slice(0, -1).map(({ labels }) => Number(labels.le)),
      counts: sums.map(({ value }, index) => value - (sums[index - 1]?.value ?? 0)),
    },
    sum: valueWith('_sum'),
    count: valueWith('_count'),
  };
}

function toAttributes(labels: Values[number]['labels']): Attributes {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([label]) => label !== 'le')
      .map(([label, value]) => [attributeNameOf(label), value]),
  );
}
