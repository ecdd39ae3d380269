// Sends the spans of this process to an OpenTelemetry collector, in bounded batches beside the work: a collector that is slow or
// away costs spans, never a call.
import { randomUUID } from 'node:crypto';
import type { Tracer } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { pause } from '../base/backoff.ts';
import { describeError } from '../base/errors.ts';
import { type Logger, scrubSecrets } from './log.ts';
import type { TelemetryConfig } from './telemetry-config.ts';

// What a stop waits for the last spans to leave.
const FLUSH_LIMIT_MS = 1_000;
const TRACER = 'touchstone';
const MAX_ATTRIBUTE_LENGTH = 1_024;

export type Telemetry = {
  /** What makes spans that are sent. */
  readonly tracer: Tracer;
  /** Sends what is left, within a second; never throws. */
  stop(): Promise<void>;
};

/** Makes what sends the spans of one service to `url`. */
export async function createTelemetry(
  config: TelemetryConfig & { readonly url: string },
  service: string,
  log: Logger,
): Promise<Telemetry> {
  // Loaded when asked for: without a collector it costs nothing.
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { delayMs, maxSpans, maxQueuedSpans } = config.batch;
  const exporter = new OTLPTraceExporter({
    url: config.url,
    headers: config.headers,
    timeoutMillis: config.timeoutMs,
    // One at a time is the rule, but a stop sends the whole queue at once.
    concurrencyLimit: Math.ceil(maxQueuedSpans / maxSpans) + 1,
  });
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': service,
        'service.instance.id': randomUUID(),
        ...config.resourceAttributes,
        ...(config.serviceName === undefined ? {} : { 'service.name': config.serviceName }),
      }),
    ),
    sampler: createSampler(config),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: tellOutages(exporter, log),
        scheduledDelayMillis: delayMs,
        maxExportBatchSize: Math.min(maxSpans, maxQueuedSpans),
        maxQueueSize: maxQueuedSpans,
        // The exporter ends before, by its own limit.
        exportTimeoutMillis: config.timeoutMs + 1_000,
      }),
    ],
  });
  return { tracer: provider.getTracer(TRACER), stop: () => stopWithin(FLUSH_LIMIT_MS, provider, log) };
}

async function stopWithin(limitMs: number, provider: TracerProvider, log: Logger): Promise<void> {
  const done = new AbortController();
  const flush = async (): Promise<void> => {
    try {
      await provider.shutdown();
    } catch (error) {
      log.debug({ reason: scrubSecrets(describeError(error)) }, 'the last spans were lost');
    } finally {
      done.abort();
    }
  };
  await Promise.race([flush(), pause(limitMs, done.signal)]);
}

// One line when it begins and one when it is over: every batch fails meanwhile.
function tellOutages(exporter: OTLPTraceExporter, log: Logger): SpanExporter {
  let isAway = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed && !isAway) {
          const reason = scrubSecrets(describeError(result.error));
          log.warn(
            { reason, spans: spans.length },
            'spans cannot be sent, they are lost until the collector takes them',
          );
        } else if (!hasFailed && isAway) log.info('spans are sent again');
        isAway = hasFailed;
        // Told: the processor would tell it once more.
        done({ code: ExportResultCode.SUCCESS });
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

function createSampler({ sampler, sampledShare }: TelemetryConfig): Sampler {
  const roots = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(sampledShare),
  };
  const rule = sampler.replace('parentbased_', '') as keyof typeof roots;
  const root = roots[rule]();
  return sampler === rule ? root : new ParentBasedSampler({ root });
}
