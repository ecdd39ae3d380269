// The telemetry of a process by its OpenTelemetry settings. Without a collector's address nothing is sent.
import { dropFaulty, type Environment, parseSettings } from '../base/settings.ts';
import { findDestinations, type OtlpDestination } from './otlp-destination.ts';
import { TELEMETRY_SETTINGS, type TelemetrySettings } from './telemetry-settings.ts';

/** What every span and metric says of its process. */
export type ResourceConfig = {
  /** Overrides the name of the service. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
};

export type TraceConfig = {
  readonly sampler: TelemetrySettings['OTEL_TRACES_SAMPLER'];
  /** The share of traces that a `traceidratio` sampler samples, 0 to 1. */
  readonly samplingRatio: number;
  readonly batch: { readonly delayMs: number; readonly maxSpans: number; readonly maxQueuedSpans: number };
};

export type MetricConfig = {
  /** From one export to the next. */
  readonly intervalMs: number;
  /** How long reading and sending may take, at most `intervalMs`. */
  readonly limitMs: number;
  /** What sums count from: `delta` sends counters and histograms since the export before, `lowmemory` all but those read from the system. */
  readonly temporality: TelemetrySettings['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'];
};

export type TelemetryConfig = ResourceConfig & {
  /** Where spans are sent; undefined sends none. */
  readonly traces: (OtlpDestination & TraceConfig) | undefined;
  /** Where metrics are sent; undefined sends none. They are served at /metrics in any case. */
  readonly metrics: (OtlpDestination & MetricConfig) | undefined;
  /** What was set but is not used, to be logged at start. */
  readonly warnings: readonly string[];
};

/**
 * Reads the settings. They are often set for every process of a platform, so one that is faulty or asks for what is not supported never
 * stops a service: it is left out, with a warning that names it, never its value.
 */
export function loadTelemetryConfig(environment: Environment): TelemetryConfig {
  const { accepted, faults } = dropFaulty(withoutUnusedArgument(environment), TELEMETRY_SETTINGS);
  const settings = parseSettings(accepted, TELEMETRY_SETTINGS);
  const resource = {
    serviceName: settings.OTEL_SERVICE_NAME,
    resourceAttributes: settings.OTEL_RESOURCE_ATTRIBUTES,
  };
  // Nothing else of the settings is used then.
  if (settings.OTEL_SDK_DISABLED === 'true')
    return { ...resource, traces: undefined, metrics: undefined, warnings: [] };
  const { traces, metrics, warnings } = findDestinations(settings);
  return {
    ...resource,
    traces: traces && { ...traces, ...traceConfig(settings) },
    metrics: metrics && { ...metrics, ...metricConfig(settings) },
    warnings: [...faults.map((fault) => `${fault}: it is ignored`), ...warnings, ...unknownSettings(environment)],
  };
}

function traceConfig(settings: TelemetrySettings): TraceConfig {
  return {
    sampler: settings.OTEL_TRACES_SAMPLER,
    samplingRatio: settings.OTEL_TRACES_SAMPLER_ARG,
    batch: {
      delayMs: settings.OTEL_BSP_SCHEDULE_DELAY,
      maxSpans: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
      maxQueuedSpans: settings.OTEL_BSP_MAX_QUEUE_SIZE,
    },
  };
}

function metricConfig(settings: TelemetrySettings): MetricConfig {
  const intervalMs = settings.OTEL_METRIC_EXPORT_INTERVAL;
  return {
    intervalMs,
    limitMs: Math.min(settings.OTEL_METRIC_EXPORT_TIMEOUT, intervalMs),
    temporality: settings.OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
  };
}

// The argument of a sampler that is not supported may be anything.
function withoutUnusedArgument(environment: Environment): Environment {
  const usesRatio = /^(parentbased_)?traceidratio$/i.test(environment.OTEL_TRACES_SAMPLER ?? '');
  return usesRatio ? environment : { ...environment, OTEL_TRACES_SAMPLER_ARG: undefined };
}

function unknownSettings(environment: Environment): string[] {
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith('OTEL_') && value !== undefined && value !== '')
    .filter(([name]) => !Object.hasOwn(TELEMETRY_SETTINGS, name))
    .map(([name]) => `${name} is not supported: it is ignored`)
    .toSorted();
}
