// The export of this process's spans to an OpenTelemetry collector, in bounded batches in the background: a collector that is slow or
// down costs spans, never a call.
import type { Tracer } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from './log.ts';
import { exporterOptions, logOutages, stopWithin } from './otlp-export.ts';
import type { TelemetryConfig, TraceConfig } from './telemetry-config.ts';

const TRACER = 'touchstone';
const MAX_ATTRIBUTE_LENGTH = 1_024;

export type SpanExport = {
  /** Creates the spans that are exported. */
  readonly tracer: Tracer;
  /** Sends the buffered spans, within a second; never throws. */
  stop(): Promise<void>;
};

/** Starts the export of spans. */
export async function startSpanExport(
  config: NonNullable<TelemetryConfig['traces']>,
  resource: Resource,
  log: Logger,
): Promise<SpanExport> {
  // Loaded on demand: without a collector it costs nothing.
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { delayMs, maxSpans, maxQueuedSpans } = config.batch;
  const exporter = new OTLPTraceExporter({
    ...exporterOptions(config, log),
    // Usually one export runs at a time, but a stop sends the whole queue at once.
    concurrencyLimit: Math.ceil(maxQueuedSpans / maxSpans) + 1,
  });
  const provider = new TracerProvider({
    resource,
    sampler: createSampler(config),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: logOutages(exporter, 'spans', log),
        scheduledDelayMillis: delayMs,
        maxExportBatchSize: Math.min(maxSpans, maxQueuedSpans),
        maxQueueSize: maxQueuedSpans,
        // Longer than the exporter's own limit, which therefore applies first.
        exportTimeoutMillis: config.timeoutMs + 1_000,
      }),
    ],
  });
  return { tracer: provider.getTracer(TRACER), stop: () => stopWithin(provider, log) };
}

function createSampler({ sampler, samplingRatio }: TraceConfig): Sampler {
  const roots = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(samplingRatio),
  };
  const rule = sampler.replace('parentbased_', '') as keyof typeof roots;
  const root = roots[rule]();
  return sampler === rule ? root : new ParentBasedSampler({ root });
}
