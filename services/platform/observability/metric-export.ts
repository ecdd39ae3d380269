// The export of this process's metrics to an OpenTelemetry collector: at an interval, what /metrics would show then. A collector that is
// slow or down costs nothing but the resolution of that time: the next export that it accepts has all that was counted.
import type { Resource } from '@opentelemetry/resources';
import type { Logger } from './log.ts';
import type { ReadMetrics } from './metric-reader.ts';
import { exporterOptions, logOutages, stopWithin } from './otlp-export.ts';
import type { TelemetryConfig } from './telemetry-config.ts';

export type MetricExport = {
  /** Sends the metrics once more, within a second; never throws. */
  stop(): Promise<void>;
};

/** Starts the export of metrics. */
export async function startMetricExport(
  config: NonNullable<TelemetryConfig['metrics']>,
  resource: Resource,
  read: ReadMetrics,
  log: Logger,
): Promise<MetricExport> {
  // Loaded on demand: without a collector it costs nothing.
  const [
    { MeterProvider, PeriodicExportingMetricReader },
    { createMetricProducer },
    { createOtlpMetricExporter },
    { exportDeltas },
  ] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('./metric-producer.ts'),
    import('./otlp-metric-exporter.ts'),
    import('./metric-deltas.ts'),
  ]);
  // The reader would not wait for an export that takes longer, and the next one would overtake it.
  const timeoutMs = Math.min(config.timeoutMs, config.limitMs);
  const exporter = createOtlpMetricExporter(exporterOptions({ ...config, timeoutMs }, log));
  const { temporality } = config;
  const reader = new PeriodicExportingMetricReader({
    exporter: logOutages(temporality === 'cumulative' ? exporter : exportDeltas(exporter, temporality), 'metrics', log),
    exportIntervalMillis: config.intervalMs,
    exportTimeoutMillis: config.limitMs,
    metricProducers: [createMetricProducer(read, resource)],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { stop: () => stopWithin(provider, log) };
}
