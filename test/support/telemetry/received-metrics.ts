// Metrics as a collector receives them, read by the field numbers of OTLP's metrics.proto.
import {
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
  return { ...readTimes(point), attributes: readAttributes(point, 7), value, count: 0, bounds: [], bucketCounts: [] };
}

function readHistogram(point: Fields): ReceivedPoint {
  return {
    ...readTimes(point),
    attributes: readAttributes(point, 9),
    value: doublesOf(point, 5)[0] ?? 0,
    count: fixedOf(point, 4)[0] ?? 0,
    bounds: doublesOf(point, 7),
    bucketCounts: fixedOf(point, 6),
  };
}

function readTimes(point: Fields) {
  return { startMs: (fixedOf(point, 2)[0] ?? 0) / 1e6, timeMs: (fixedOf(point, 3)[0] ?? 0) / 1e6 };
}
