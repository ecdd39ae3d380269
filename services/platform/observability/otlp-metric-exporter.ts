// The exporter of metrics by OTLP, as http/protobuf, of the same parts as the one of spans.
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
  type OTLPExporterNodeConfigBase,
} from '@opentelemetry/otlp-exporter-base/node-http';
import { MetricsExporterMetricsHelper, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { encodeMetrics } from './otlp-metric-encoding.ts';

const HEADERS = { 'Content-Type': 'application/x-protobuf' };

const serializer = { ...ProtobufMetricsSerializer, serializeRequest: encodeMetrics };

/** Creates the exporter; the options are those of OpenTelemetry's own exporters. */
export function createOtlpMetricExporter(options: OTLPExporterNodeConfigBase): OTLPExporterBase<ResourceMetrics> {
  const delegate = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions(options, 'METRICS', 'v1/metrics', HEADERS),
    serializer,
    'otlp_http_metric_exporter',
    MetricsExporterMetricsHelper,
    undefined,
  );
  return new OTLPExporterBase(delegate);
}
