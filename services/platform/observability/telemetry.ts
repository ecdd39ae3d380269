// The export of this process's spans to an OpenTelemetry collector, in bounded batches in the background: a collector that is slow or
// down costs spans, never a call.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
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
import type { Logger } from './log.ts';
import type { TelemetryConfig, TlsFiles } from './telemetry-config.ts';

// How long a stop waits for the last spans to be sent.
const FLUSH_LIMIT_MS = 1_000;
const TRACER = 'touchstone';
const MAX_ATTRIBUTE_LENGTH = 1_024;

export type Telemetry = {
  /** Creates the spans that are exported. */
  readonly tracer: Tracer;
  /** Sends the buffered spans, within a second; never throws. */
  stop(): Promise<void>;
};

/** Creates the exporter of one service's spans to `url`. */
export async function createTelemetry(
  config: TelemetryConfig & { readonly url: string },
  service: string,
  log: Logger,
): Promise<Telemetry> {
  // Loaded on demand: without a collector it costs nothing.
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { delayMs, maxSpans, maxQueuedSpans } = config.batch;
  const exporter = new OTLPTraceExporter({
    url: config.url,
    headers: config.headers,
    httpAgentOptions: { keepAlive: true, ...readTlsFiles(config.tlsFiles, log) },
    timeoutMillis: config.timeoutMs,
    // Usually one export runs at a time, but a stop sends the whole queue at once.
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
        exporter: logOutages(exporter, log),
        scheduledDelayMillis: delayMs,
        maxExportBatchSize: Math.min(maxSpans, maxQueuedSpans),
        maxQueueSize: maxQueuedSpans,
        // Longer than the exporter's own limit, which therefore applies first.
        exportTimeoutMillis: config.timeoutMs + 1_000,
      }),
    ],
  });
  return { tracer: provider.getTracer(TRACER), stop: () => stopWithin(FLUSH_LIMIT_MS, provider, log) };
}

// A file that cannot be read is left out with a warning: telemetry never stops a service. The collector then refuses, or is not trusted.
function readTlsFiles(files: TlsFiles, log: Logger): { [Part in keyof TlsFiles]: Buffer } {
  return Object.fromEntries(
    Object.entries(files).flatMap(([part, path]) => {
      if (path === undefined) return [];
      try {
        return [[part, readFileSync(path)]];
      } catch (error) {
        log.warn({ reason: describeError(error), part }, 'a TLS file for the collector cannot be read: it is ignored');
        return [];
      }
    }),
  );
}

async function stopWithin(limitMs: number, provider: TracerProvider, log: Logger): Promise<void> {
  const done = new AbortController();
  const flush = async (): Promise<void> => {
    try {
      await provider.shutdown();
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'the last spans were lost');
    } finally {
      done.abort();
    }
  };
  await Promise.race([flush(), pause(limitMs, done.signal)]);
}

// One line when the outage begins and one when it ends: in between, every batch fails.
function logOutages(exporter: OTLPTraceExporter, log: Logger): SpanExporter {
  let isDown = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed && !isDown) {
          const reason = describeError(result.error);
          log.warn(
            { reason, spans: spans.length },
            'spans cannot be sent and are lost until the collector accepts them',
          );
        } else if (!hasFailed && isDown) log.info('spans are sent again');
        isDown = hasFailed;
        // Logged above: the processor would log it again.
        done({ code: ExportResultCode.SUCCESS });
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

function createSampler({ sampler, samplingRatio }: TelemetryConfig): Sampler {
  const roots = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(samplingRatio),
  };
  const rule = sampler.replace('parentbased_', '') as keyof typeof roots;
  const root = roots[rule]();
  return sampler === rule ? root : new ParentBasedSampler({ root });
}
