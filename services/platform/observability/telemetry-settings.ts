// The OpenTelemetry settings that a service knows, under their standard names, and the values it supports.
import { count, durationMs, optionalDurationMs, optionalHttpUrl, z } from '../base/settings.ts';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
const TEMPORALITIES = ['cumulative', 'delta', 'lowmemory'] as const;
const COMPRESSIONS = ['none', 'gzip'] as const;

export const TELEMETRY_SETTINGS = {
  OTEL_SDK_DISABLED: oneOf(['true', 'false']).optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs(),
  OTEL_PROPAGATORS: oneOf(['tracecontext']).default('tracecontext'),
  OTEL_SEMCONV_STABILITY_OPT_IN: z
    .string()
    .refine((names) => !names.includes('/dup'), 'must not ask for two versions: the stable one is sent')
    .optional(),

  OTEL_EXPORTER_OTLP_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_CLIENT_KEY: z.string().optional(),
  OTEL_EXPORTER_OTLP_COMPRESSION: oneOf(COMPRESSIONS).default('none'),
  OTEL_EXPORTER_OTLP_TIMEOUT: durationMs(10_000),

  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: oneOf(COMPRESSIONS).optional(),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: optionalDurationMs(),
  OTEL_TRACES_SAMPLER: oneOf(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: ratio(),
  OTEL_BSP_SCHEDULE_DELAY: durationMs(5_000),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count(512),
  OTEL_BSP_MAX_QUEUE_SIZE: count(2_048),

  OTEL_METRICS_EXPORTER: z.string().optional(),
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY: z.string().optional(),
  OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: oneOf(COMPRESSIONS).optional(),
  OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: optionalDurationMs(),
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: oneOf(TEMPORALITIES).default('cumulative'),
  OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: oneOf(['explicit_bucket_histogram']).default(
    'explicit_bucket_histogram',
  ),
  OTEL_METRIC_EXPORT_INTERVAL: durationMs(60_000),
  OTEL_METRIC_EXPORT_TIMEOUT: durationMs(30_000),
  OTEL_METRICS_EXEMPLAR_FILTER: oneOf(['trace_based']).default('trace_based'),

  OTEL_LOGS_EXPORTER: oneOf(['none']).default('none'),
};

export type TelemetrySettings = z.output<z.ZodObject<typeof TELEMETRY_SETTINGS>>;

/** One of these names, in any case. */
function oneOf<const Name extends string>(names: readonly Name[]) {
  const message = names.length === 1 ? `must be ${names[0]}` : `must be one of ${names.join(', ')}`;
  return z.string().toLowerCase().pipe(z.enum(names, message));
}

function ratio() {
  const message = 'must be a number from 0 to 1';
  return z
    .string()
    .regex(/^(0|1|[01]?\.\d{1,15})$/, message)
    .transform(Number)
    .refine((value) => value <= 1, message)
    .default(1);
}

/** `name=value` pairs separated by commas, the values percent-encoded. */
function pairs() {
  return z
    .string()
    .default('')
    .transform((text, context) => {
      const found = text
        .split(',')
        .filter((pair) => pair.trim() !== '')
        .map((pair) => /^\s*([^=\s]+)\s*=(.*)$/.exec(pair)?.slice(1).map(decode));
      if (found.every((pair) => pair?.every((part) => part !== undefined) === true)) {
        return Object.fromEntries(found as [string, string][]);
      }
      context.addIssue({
        code: 'custom',
        message: 'must be name=value pairs, separated by commas and percent-encoded',
      });
      return z.NEVER;
    });
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return undefined; // Not percent-encoded: the whole setting is rejected.
  }
}
