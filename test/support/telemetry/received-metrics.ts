// Metrics as a collector receives them, read by the field numbers of OTLP's metrics.proto.
import {
  bytesOf,
  doublesOf,
  type Fields,
  fixedOf,
  messages,
  numberOf,
  readAttributes,
  readFields,
  textOf,
} from './otlp-wire.ts';

export type ReceivedMetric = {
  /** The resource's `service.name`. */
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  /** Of sums and histograms: since the start of the process, or since the export before. */
  readonly temporality: 'cumulative' | 'delta' | undefined;
  readonly isMonotonic: boolean;
  readonly points: readonly ReceivedPoint[];
};

export type ReceivedPoint = {
  readonly attributes: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly timeMs: number;
  /** Of a histogram, its sum. */
  readonly value: number;
  /** Of a histogram only. */
  readonly count: number;
  readonly bounds: readonly number[];
  readonly bucketCounts: readonly number[];
  readonly exemplars: readonly ReceivedExemplar[];
};

export type ReceivedExemplar = {
  /** In hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly value: number;
  readonly timeMs: number;
};

/** The kinds by their field. */
const KINDS = { 5: 'gauge', 7: 'sum', 9: 'histogram' } as const;
const TEMPORALITIES = [undefined, 'delta', 'cumulative'] as const;

export function readMetrics(body: Uint8Array): ReceivedMetric[] {
  return messages(readFields(body), 1).flatMap((resourceMetrics) => {
    const resource = readAttributes(messages(resourceMetrics, 1)[0], 1);
    const metrics = messages(resourceMetrics, 2).flatMap((scopeMetrics) => messages(scopeMetrics, 2));
    return metrics.map((metric) => readMetric(metric, resource));
  });
}

function readMetric(metric: Fields, resource: Record<string, string>): ReceivedMetric {
  const field = ([5, 7, 9] as const).find((candidate) => metric.has(candidate));
  if (field === undefined) throw new Error(`${textOf(metric, 1)} has no data`);
  const [data] = messages(metric, field);
  return {
    service: resource['service.name'] ?? '',
    resource,
    name: textOf(metric, 1),
    description: textOf(metric, 2),
    unit: textOf(metric, 3),
    kind: KINDS[field],
    temporality: TEMPORALITIES[numberOf(data, 2)],
    isMonotonic: numberOf(data, 3) === 1,
    points: messages(data, 1).map(field === 9 ? readHistogram : readNumber),
  };
}

function readNumber(point: Fields): ReceivedPoint {
  const [value = fixedOf(point, 6)[0] ?? 0] = doublesOf(point, 4);
  const attributes = readAttributes(point, 7);
  return { ...readTimes(point), attributes, value, count: 0, bounds: [], bucketCounts: [], exemplars: [] };
}

function readHistogram(point: Fields): ReceivedPoint {
  return {
    ...readTimes(point),
    attributes: readAttributes(point, 9),
    value: doublesOf(point, 5)[0] ?? 0,
    count: fixedOf(point, 4)[0] ?? 0,
    bounds: doublesOf(point, 7),
    bucketCounts: fixedOf(point, 6),
    exemplars: messages(point, 8).map((exemplar) => ({
      traceId: bytesOf(exemplar, 5).toString('hex'),
      spanId: bytesOf(exemplar, 4).toString('hex'),
      value: doublesOf(exemplar, 3)[0] ?? 0,
      timeMs: readMs(exemplar, 2),
    })),
  };
}

function readTimes(point: Fields) {
  return { startMs: readMs(point, 2), timeMs: readMs(point, 3) };
}

// To the microsecond: nanoseconds since 1970 are more than a number holds exactly.
function readMs(fields: Fields, field: number): number {
  return Math.round((fixedOf(fields, field)[0] ?? 0) / 1_000) / 1_000;
}
