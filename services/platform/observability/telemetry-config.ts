// The OpenTelemetry settings of a process, under their standard names. Without a collector's address no spans are sent.
import { count, durationMs, type Environment, optionalHttpUrl, parseSettings, z } from '../base/settings.ts';

const DEFAULT_COLLECTOR = 'http://127.0.0.1:4318';
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export type TelemetryConfig = {
  /** The collector's address for spans; undefined sends none. */
  readonly url: string | undefined;
  /** Sent with every export; may hold credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long one export may take. */
  readonly timeoutMs: number;
  /** Overrides the name of the service. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces that a `traceidratio` sampler samples, 0 to 1. */
  readonly samplingRatio: number;
  readonly batch: { readonly delayMs: number; readonly maxSpans: number; readonly maxQueuedSpans: number };
};

/**
 * Reads the settings.
 *
 * @throws {ConfigError} naming every faulty one, never its value.
 */
export function loadTelemetryConfig(environment: Environment): TelemetryConfig {
  const settings = parseSettings(environment, {
    OTEL_SDK_DISABLED: z.string().optional(),
    OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
    OTEL_EXPORTER_OTLP_ENDPOINT: optionalHttpUrl(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalHttpUrl(),
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol(),
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol(),
    OTEL_EXPORTER_OTLP_HEADERS: pairs(),
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs(),
    OTEL_EXPORTER_OTLP_TIMEOUT: durationMs(10_000),
    OTEL_SERVICE_NAME: z.string().optional(),
    OTEL_RESOURCE_ATTRIBUTES: pairs(),
    OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`).default('parentbased_always_on'),
    OTEL_TRACES_SAMPLER_ARG: ratio(),
    OTEL_BSP_SCHEDULE_DELAY: durationMs(5_000),
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count(512),
    OTEL_BSP_MAX_QUEUE_SIZE: count(2_048),
  });
  return {
    url: collectorUrl(settings),
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    timeoutMs: settings.OTEL_EXPORTER_OTLP_TIMEOUT,
    serviceName: settings.OTEL_SERVICE_NAME,
    resourceAttributes: settings.OTEL_RESOURCE_ATTRIBUTES,
    sampler: settings.OTEL_TRACES_SAMPLER,
    samplingRatio: settings.OTEL_TRACES_SAMPLER_ARG,
    batch: {
      delayMs: settings.OTEL_BSP_SCHEDULE_DELAY,
      maxSpans: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
      maxQueuedSpans: settings.OTEL_BSP_MAX_QUEUE_SIZE,
    },
  };
}

function collectorUrl(settings: {
  readonly OTEL_SDK_DISABLED?: string | undefined;
  readonly OTEL_TRACES_EXPORTER?: 'otlp' | 'none' | undefined;
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
}): string | undefined {
  const isOff = settings.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || settings.OTEL_TRACES_EXPORTER === 'none';
  if (isOff) return undefined;
  if (settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const requested = settings.OTEL_TRACES_EXPORTER === 'otlp' ? DEFAULT_COLLECTOR : undefined;
  const collector = settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? requested;
  return collector === undefined ? undefined : `${collector.replace(/\/$/, '')}/v1/traces`;
}

function protocol() {
  return z.literal('http/protobuf', 'must be http/protobuf, the only supported protocol').optional();
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
