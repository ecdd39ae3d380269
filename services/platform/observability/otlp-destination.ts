// Where each signal is sent: a setting of the signal overrides that of all signals.
import type { TelemetrySettings } from './telemetry-settings.ts';

const PROTOCOL = 'http/protobuf';
const DEFAULT_COLLECTOR = 'http://127.0.0.1:4318';

/** The signals that are sent, as the settings name them: the exporters that a service has, the path at the collector, the word for people. */
const SIGNALS = {
  TRACES: { exporters: ['otlp', 'none'], path: 'v1/traces', items: 'spans' },
  // What Prometheus scrapes is always served.
  METRICS: { exporters: ['otlp', 'prometheus', 'none'], path: 'v1/metrics', items: 'metrics' },
} as const;
type Signal = keyof typeof SIGNALS;

/** Each is absent when its setting is. */
export type TlsFiles = {
  /** The authorities that the collector's certificate is checked with; by default those of the system. */
  readonly ca?: string | undefined;
  /** What this process shows to the collector. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

/** A collector that takes one signal, and how to send it there. */
export type OtlpDestination = {
  readonly url: string;
  /** Sent with every export; may hold credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM. */
  readonly tlsFiles: TlsFiles;
  /** How long one export may take. */
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
};

export type OtlpDestinations = {
  readonly traces: OtlpDestination | undefined;
  readonly metrics: OtlpDestination | undefined;
  /** What was asked for and is not supported. */
  readonly warnings: readonly string[];
};

/** Finds the destinations; there is none for a signal for which no collector, or an unsupported protocol, is set. */
export function findDestinations(settings: TelemetrySettings): OtlpDestinations {
  return {
    traces: findDestination(settings, 'TRACES'),
    metrics: findDestination(settings, 'METRICS'),
    warnings: [
      ...(['TRACES', 'METRICS'] as const).flatMap((signal) => exporterWarnings(settings, signal)),
      ...protocolWarnings(settings),
    ],
  };
}

function findDestination(settings: TelemetrySettings, signal: Signal): OtlpDestination | undefined {
  const exporters = exportersOf(settings, signal);
  const isOff = exporters.length > 0 && !exporters.includes('otlp');
  const url = collectorUrl(settings, signal, exporters.includes('otlp'));
  // A collector of another protocol would refuse what is sent.
  if (url === undefined || isOff || !isProtocolSupported(settings, protocolNameOf(settings, signal))) return undefined;
  return {
    url,
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings[`OTEL_EXPORTER_OTLP_${signal}_HEADERS`] },
    tlsFiles: {
      ca: settings[`OTEL_EXPORTER_OTLP_${signal}_CERTIFICATE`] ?? settings.OTEL_EXPORTER_OTLP_CERTIFICATE,
      cert:
        settings[`OTEL_EXPORTER_OTLP_${signal}_CLIENT_CERTIFICATE`] ?? settings.OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
      key: settings[`OTEL_EXPORTER_OTLP_${signal}_CLIENT_KEY`] ?? settings.OTEL_EXPORTER_OTLP_CLIENT_KEY,
    },
    timeoutMs: settings[`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`] ?? settings.OTEL_EXPORTER_OTLP_TIMEOUT,
    compression: settings[`OTEL_EXPORTER_OTLP_${signal}_COMPRESSION`] ?? settings.OTEL_EXPORTER_OTLP_COMPRESSION,
  };
}

function collectorUrl(settings: TelemetrySettings, signal: Signal, isRequested: boolean): string | undefined {
  const own = settings[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
  if (own !== undefined) return own;
  const collector = settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? (isRequested ? DEFAULT_COLLECTOR : undefined);
  return collector === undefined ? undefined : `${collector.replace(/\/$/, '')}/${SIGNALS[signal].path}`;
}

function exportersOf(settings: TelemetrySettings, signal: Signal): string[] {
  return (settings[`OTEL_${signal}_EXPORTER`] ?? '')
    .toLowerCase()
    .split(',')
    .flatMap((name) => name.trim() || []);
}

function exporterWarnings(settings: TelemetrySettings, signal: Signal): string[] {
  const supported: readonly string[] = SIGNALS[signal].exporters;
  if (exportersOf(settings, signal).every((name) => supported.includes(name))) return [];
  const names = `${supported.slice(0, -1).join(', ')} and ${supported.at(-1)}`;
  return [`OTEL_${signal}_EXPORTER names an exporter that is not supported, ${names} are: it is ignored`];
}

function protocolNameOf(settings: TelemetrySettings, signal: Signal) {
  const own = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL` as const;
  return settings[own] === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : own;
}

function isProtocolSupported(settings: TelemetrySettings, name: ReturnType<typeof protocolNameOf>): boolean {
  return (settings[name] ?? PROTOCOL).toLowerCase() === PROTOCOL;
}

// One line for each setting, whichever signals it is for.
function protocolWarnings(settings: TelemetrySettings): string[] {
  const signals = ['TRACES', 'METRICS'] as const;
  const names = new Set(signals.map((signal) => protocolNameOf(settings, signal)));
  return [...names]
    .filter((name) => !isProtocolSupported(settings, name))
    .map((name) => {
      const unsent = signals.filter((signal) => protocolNameOf(settings, signal) === name);
      const items = unsent.map((signal) => `no ${SIGNALS[signal].items}`).join(' and ');
      return `${name} names a protocol that is not supported, only ${PROTOCOL} is: ${items} are sent`;
    });
}
