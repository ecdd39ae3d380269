// Metrics as what was added since the export before, for collectors that want deltas. An export counts once the collector has accepted
// it: until then the next one has its deltas too, so that none is lost. Where the collector accepts one and its answer is lost, that is
// sent twice, as OTLP prefers.
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { isObservedCounter } from './metric-names.ts';
import { type HistogramPoint, isHistogramPoint } from './metric-producer.ts';
import type { Exporter } from './otlp-export.ts';
import type { MetricConfig } from './telemetry-config.ts';

type Point = DataPoint<number> | HistogramPoint;
/** The sums of the last accepted export, by series. */
type Sums = ReadonlyMap<string, Point>;

/** Sends through `exporter`, which gets sums since the start of the process, what was added since the last export that it accepted. */
export function exportDeltas(
  exporter: Exporter<ResourceMetrics>,
  preference: Exclude<MetricConfig['temporality'], 'cumulative'>,
): Exporter<ResourceMetrics> {
  let accepted: Sums = new Map();
  let isSending = false;
  const send = (metrics: ResourceMetrics, done: (result: ExportResult) => void): void => {
    const sums = new Map<string, Point>();
    const deltas = mapMetrics(metrics, (metric) =>
      isSentAsDelta(metric, preference) ? toDelta(metric, accepted, sums) : [metric],
    );
    exporter.export(deltas, (result) => {
      isSending = false;
      if (result.code === ExportResultCode.SUCCESS) accepted = sums;
      done(result);
    });
  };
  return {
    export: (metrics, done) => {
      // Whether its deltas arrive is not known yet; the export after this one has them all.
      if (isSending) return done({ code: ExportResultCode.FAILED, error: new Error('the export before still runs') });
      isSending = true;
      try {
        send(metrics, done);
      } catch (error) {
        isSending = false;
        throw error;
      }
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

function mapMetrics(metrics: ResourceMetrics, convert: (metric: MetricData) => MetricData[]): ResourceMetrics {
  const scopeMetrics = metrics.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.flatMap(convert) }));
  return { ...metrics, scopeMetrics };
}

// The table of OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: what goes up and down is a sum since the start in any case.
function isSentAsDelta(metric: MetricData, preference: 'delta' | 'lowmemory'): boolean {
  if (metric.dataPointType === DataPointType.HISTOGRAM) return true;
  if (metric.dataPointType !== DataPointType.SUM || !metric.isMonotonic) return false;
  return preference === 'delta' || !isObservedCounter(metric.descriptor.name);
}

/** Returns the metric with its new series and those that changed, none if there are no such; adds all its sums to `sums`. */
function toDelta(metric: MetricData, accepted: Sums, sums: Map<string, Point>): MetricData[] {
  const dataPoints = (metric.dataPoints as Point[]).flatMap((point) => {
    const series = JSON.stringify([metric.descriptor.name, point.attributes]);
    sums.set(series, point);
    return subtract(point, accepted.get(series));
  });
  if (dataPoints.length === 0) return [];
  return [{ ...metric, aggregationTemporality: AggregationTemporality.DELTA, dataPoints } as MetricData];
}

function subtract(point: Point, before: Point | undefined): Point[] {
  if (before === undefined) return [point];
  const startTime = before.endTime;
  if (!isHistogramPoint(point)) {
    const value = amountSince(point.value, before.value as number);
    return value === 0 ? [] : [{ ...point, startTime, value }];
  }
  const value = histogramSince(point.value, before.value as Histogram);
  if (value.count === 0) return [];
  // prom-client keeps the exemplar of a bucket until there is a later one.
  const sent = new Set((before as HistogramPoint).exemplars.map((exemplar) => JSON.stringify(exemplar)));
  const exemplars = point.exemplars.filter((exemplar) => !sent.has(JSON.stringify(exemplar)));
  return [{ ...point, startTime, value, exemplars }];
}

function histogramSince(now: Histogram, before: Histogram): Histogram {
  if (now.count < before.count) return now;
  const counts = now.buckets.counts.map((count, index) => count - (before.buckets.counts[index] ?? 0));
  return {
    buckets: { boundaries: now.buckets.boundaries, counts },
    sum: (now.sum ?? 0) - (before.sum ?? 0),
    count: now.count - before.count,
  };
}

// A sum that is smaller than before began again at zero.
function amountSince(now: number, before: number): number {
  return now < before ? now : now - before;
}
