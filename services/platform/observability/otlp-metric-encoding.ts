// Metrics in the protobuf of OTLP (opentelemetry/proto/metrics/v1/metrics.proto). OpenTelemetry's own serializer writes no exemplars, which
// is why this one exists; the numbers are the fields of the messages.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Attributes, HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { HistogramPoint } from './metric-producer.ts';
import type { Exemplar } from './metric-reader.ts';

type Write = (writer: BinaryWriter) => void;

/** Returns the bytes of an ExportMetricsServiceRequest with sums, gauges and histograms. */
export function encodeMetrics({ resource, scopeMetrics }: ResourceMetrics): Uint8Array {
  const request = new BinaryWriter();
  message(request, 1, (resourceMetrics) => {
    message(resourceMetrics, 1, (writer) => writeAttributes(writer, 1, resource.attributes as Attributes));
    for (const { scope, metrics } of scopeMetrics) {
      message(resourceMetrics, 2, (writer) => {
        message(writer, 1, (written) => writeText(written, 1, scope.name));
        for (const metric of metrics) message(writer, 2, (written) => writeMetric(written, metric));
      });
    }
  });
  return request.finish();
}

function writeMetric(writer: BinaryWriter, metric: MetricData): void {
  const { name, description, unit } = metric.descriptor;
  writeText(writer, 1, name);
  writeText(writer, 2, description);
  writeText(writer, 3, unit);
  switch (metric.dataPointType) {
    case DataPointType.GAUGE:
      message(writer, 5, (data) => writePoints(data, metric.dataPoints, writeNumber));
      break;
    case DataPointType.SUM:
      message(writer, 7, (data) => {
        writePoints(data, metric.dataPoints, writeNumber);
        writeTemporality(data, metric.aggregationTemporality);
        data.tag(3, WireType.Varint).bool(metric.isMonotonic);
      });
      break;
    case DataPointType.HISTOGRAM:
      message(writer, 9, (data) => {
        writePoints(data, metric.dataPoints as HistogramPoint[], writeHistogram);
        writeTemporality(data, metric.aggregationTemporality);
      });
      break;
    default:
      throw new TypeError(`metric ${name} is of a kind that has no encoding`);
  }
}

function writePoints<Value>(
  writer: BinaryWriter,
  points: readonly Value[],
  write: (writer: BinaryWriter, point: Value) => void,
): void {
  for (const point of points) message(writer, 1, (written) => write(written, point));
}

function writeTemporality(writer: BinaryWriter, temporality: AggregationTemporality): void {
  writer.tag(2, WireType.Varint).int32(temporality === AggregationTemporality.DELTA ? 1 : 2);
}

function writeNumber(writer: BinaryWriter, point: DataPoint<number>): void {
  writeTimes(writer, point);
  writer.tag(4, WireType.Bit64).double(point.value);
  writeAttributes(writer, 7, point.attributes);
}

function writeHistogram(writer: BinaryWriter, point: HistogramPoint): void {
  const { count, sum = 0, buckets } = point.value;
  writeTimes(writer, point);
  writer.tag(4, WireType.Bit64).fixed64(count);
  writer.tag(5, WireType.Bit64).double(sum);
  message(writer, 6, (packed) => {
    for (const bucket of buckets.counts) packed.fixed64(bucket);
  });
  message(writer, 7, (packed) => {
    for (const bound of buckets.boundaries) packed.double(bound);
  });
  for (const exemplar of point.exemplars) message(writer, 8, (written) => writeExemplar(written, exemplar));
  writeAttributes(writer, 9, point.attributes);
}

function writeExemplar(writer: BinaryWriter, { labelSet, value, timestamp }: Exemplar): void {
  writer.tag(2, WireType.Bit64).fixed64(BigInt(Math.round(timestamp * 1_000)) * 1_000_000n);
  writer.tag(3, WireType.Bit64).double(value);
  writer.tag(4, WireType.LengthDelimited).bytes(Buffer.from(labelSet.span_id ?? '', 'hex'));
  writer.tag(5, WireType.LengthDelimited).bytes(Buffer.from(labelSet.trace_id ?? '', 'hex'));
}

function writeTimes(writer: BinaryWriter, { startTime, endTime }: DataPoint<unknown>): void {
  writer.tag(2, WireType.Bit64).fixed64(nanosecondsOf(startTime));
  writer.tag(3, WireType.Bit64).fixed64(nanosecondsOf(endTime));
}

function nanosecondsOf([seconds, nanoseconds]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

function writeAttributes(writer: BinaryWriter, field: number, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    message(writer, field, (pair) => {
      writeText(pair, 1, name);
      message(pair, 2, (any) => {
        if (typeof value === 'boolean') any.tag(2, WireType.Varint).bool(value);
        else if (Number.isSafeInteger(value)) any.tag(3, WireType.Varint).int64(value as number);
        else if (typeof value === 'number') any.tag(4, WireType.Bit64).double(value);
        else any.tag(1, WireType.LengthDelimited).string(String(value));
      });
    });
  }
}

function writeText(writer: BinaryWriter, field: number, text: string): void {
  if (text !== '') writer.tag(field, WireType.LengthDelimited).string(text);
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}
