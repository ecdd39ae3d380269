// The OpenTelemetry settings of a process, under their standard names. Without a collector's address no spans are sent.
import {
  count,
  dropFaulty,
  durationMs,
  type Environment,
  optionalHttpUrl,
  parseSettings,
  z,
} from '../base/settings.ts';

const PROTOCOL = 'http/protobuf';
const DEFAULT_COLLECTOR = 'http://127.0.0.1:4318';
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Each is absent when its setting is. */
export type TlsFiles = {
  /** The authorities that the collector's certificate is checked with; by default those of the system. */
  readonly ca?: string | undefined;
  /** What this process shows to the collector. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

export type TelemetryConfig = {
  /** The collector's address for spans; undefined sends none. */
  readonly url: string | undefined;
  /** Sent with every export; may hold credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** The files of TLS by their settings; PEM. */
  readonly tlsFiles: TlsFiles;
  /** How long one export may take. */
  readonly timeoutMs: number;
  /** Overrides the name of the service. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces that a `traceidratio` sampler samples, 0 to 1. */
  readonly samplingRatio: number;
  readonly batch: { readonly delayMs: number; readonly maxSpans: number; readonly maxQueuedSpans: number };
  /** What was set but is not used, to be logged at start. */
  readonly warnings: readonly string[];
};

const SHAPE = {
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: z.string().optional(),
  OTEL_EXPORTER_OTLP_CLIENT_KEY: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: z.string().optional(),
  OTEL_EXPORTER_OTLP_TIMEOUT: durationMs(10_000),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs(),
  OTEL_TRACES_SAMPLER: sampler(),
  OTEL_TRACES_SAMPLER_ARG: ratio(),
  OTEL_BSP_SCHEDULE_DELAY: durationMs(5_000),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count(512),
  OTEL_BSP_MAX_QUEUE_SIZE: count(2_048),
};
type Settings = z.output<z.ZodObject<typeof SHAPE>>;

/**
 * Reads the settings. They are often set for every process of a platform, so one that is faulty or asks for what is not supported never
 * stops a service: it is left out, with a warning that names it, never its value.
 */
export function loadTelemetryConfig(environment: Environment): TelemetryConfig {
  const isDisabled = environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
  const { accepted, faults } = dropFaulty(withoutUnusedArgument(environment), SHAPE);
  const settings = parseSettings(accepted, SHAPE);
  const destination = findDestination(settings);
  return {
    url: isDisabled ? undefined : destination.url,
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    tlsFiles: {
      ca: settings.OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE ?? settings.OTEL_EXPORTER_OTLP_CERTIFICATE,
      cert: settings.OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE ?? settings.OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
      key: settings.OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY ?? settings.OTEL_EXPORTER_OTLP_CLIENT_KEY,
    },
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
    // Without the SDK nothing of it is used.
    warnings: isDisabled ? [] : [...faults.map((fault) => `${fault}: it is ignored`), ...destination.warnings],
  };
}

// The argument of a sampler that is not supported may be anything.
function withoutUnusedArgument(environment: Environment): Environment {
  const usesRatio = /^(parentbased_)?traceidratio$/i.test(environment.OTEL_TRACES_SAMPLER ?? '');
  return usesRatio ? environment : { ...environment, OTEL_TRACES_SAMPLER_ARG: undefined };
}

/** Where spans are sent; nowhere when what is asked for is not supported: a collector of another protocol would refuse them. */
function findDestination(settings: Settings): {
  readonly url: string | undefined;
  readonly warnings: readonly string[];
} {
  const warnings: string[] = [];
  const exporters = (settings.OTEL_TRACES_EXPORTER ?? '')
    .toLowerCase()
    .split(',')
    .flatMap((name) => name.trim() || []);
  if (exporters.some((name) => name !== 'otlp' && name !== 'none')) {
    warnings.push('OTEL_TRACES_EXPORTER names an exporter that is not supported, otlp and none are: it is ignored');
  }
  const isOff = exporters.length > 0 && !exporters.includes('otlp');
  const protocolName =
    settings.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL === undefined
      ? 'OTEL_EXPORTER_OTLP_PROTOCOL'
      : 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL';
  const isReadable = (settings[protocolName] ?? PROTOCOL).toLowerCase() === PROTOCOL;
  if (!isReadable) {
    warnings.push(`${protocolName} names a protocol that is not supported, only ${PROTOCOL} is: no spans are sent`);
  }
  return { url: isOff || !isReadable ? undefined : collectorUrl(settings, exporters.includes('otlp')), warnings };
}

function collectorUrl(settings: Settings, isRequested: boolean): string | undefined {
  if (settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const collector = settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? (isRequested ? DEFAULT_COLLECTOR : undefined);
  return collector === undefined ? undefined : `${collector.replace(/\/$/, '')}/v1/traces`;
}

function sampler() {
  return z
    .string()
    .toLowerCase()
    .pipe(z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`))
    .default('parentbased_always_on');
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
