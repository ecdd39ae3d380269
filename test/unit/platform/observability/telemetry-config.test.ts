import { describe, expect, it } from 'vitest';
import type { Environment } from '#services/platform/base/settings.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';

const warningsOf = (environment: Environment) => loadTelemetryConfig(environment).warnings;

describe('the collector', () => {
  it.each<[string, Environment, string | undefined]>([
    ['nowhere without settings', {}, undefined],
    ['below the address of all signals', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, 'http://c:1/v1/traces'],
    ['the same with a slash', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1/' }, 'http://c:1/v1/traces'],
    ['below a path', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1/otlp' }, 'http://c:1/otlp/v1/traces'],
    [
      'at the address of traces as it is, before that of all signals',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t:2/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      'https://t:2/x',
    ],
    ['on this machine when asked for', { OTEL_TRACES_EXPORTER: 'otlp' }, 'http://127.0.0.1:4318/v1/traces'],
    ['nowhere by exporter', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, undefined],
    ['nowhere when disabled', { OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, undefined],
    [
      'the one of OTLP among several exporters',
      { OTEL_TRACES_EXPORTER: 'otlp, console' },
      'http://127.0.0.1:4318/v1/traces',
    ],
    [
      'nowhere by exporters that are not supported',
      { OTEL_TRACES_EXPORTER: 'console,zipkin', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      undefined,
    ],
    [
      'nowhere when it speaks another protocol',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' },
      undefined,
    ],
    [
      'where the protocol of traces is, before that of all signals',
      {
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1',
      },
      'http://c:1/v1/traces',
    ],
    [
      'somewhere when not',
      { OTEL_SDK_DISABLED: 'no', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      'http://c:1/v1/traces',
    ],
  ])('is %s', (_, environment, url) => {
    expect(loadTelemetryConfig(environment).traces?.url).toBe(url);
  });
});

describe('the collector of metrics', () => {
  it.each<[string, Environment, string | undefined]>([
    ['nowhere without settings', {}, undefined],
    ['below the address of all signals', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, 'http://c:1/v1/metrics'],
    [
      'at its own address as it is, before that of all signals',
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://m:2/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      'https://m:2/x',
    ],
    ['on this machine when asked for', { OTEL_METRICS_EXPORTER: 'otlp' }, 'http://127.0.0.1:4318/v1/metrics'],
    ['nowhere by exporter', { OTEL_METRICS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, undefined],
    [
      'nowhere when only Prometheus is to have them',
      { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      undefined,
    ],
    [
      'there when Prometheus is to have them too',
      { OTEL_METRICS_EXPORTER: 'prometheus,otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
      'http://c:1/v1/metrics',
    ],
    ['nowhere when only that of traces is set', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:1' }, undefined],
    [
      'nowhere when it speaks another protocol',
      { OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' },
      undefined,
    ],
    ['nowhere when disabled', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, undefined],
  ])('is %s', (_, environment, url) => {
    expect(loadTelemetryConfig(environment).metrics?.url).toBe(url);
  });
});

describe.each(['TRACES', 'METRICS'] as const)('what is set for %s', (signal) => {
  const other = signal === 'TRACES' ? 'METRICS' : 'TRACES';
  const destinationOf = (environment: Environment) => {
    const config = loadTelemetryConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1', ...environment });
    return signal === 'TRACES' ? config.traces : config.metrics;
  };

  it('overrides what is set for all signals; headers are put together and decoded', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b=two%20words,c=x=y',
      [`OTEL_EXPORTER_OTLP_${signal}_HEADERS`]: 'a=3',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/tls/ca.pem',
      [`OTEL_EXPORTER_OTLP_${signal}_CERTIFICATE`]: '/tls/own-ca.pem',
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/tls/cert.pem',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: '/tls/key.pem',
      [`OTEL_EXPORTER_OTLP_${signal}_CLIENT_KEY`]: '/tls/own-key.pem',
      OTEL_EXPORTER_OTLP_TIMEOUT: '7000',
      [`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`]: '300',
      [`OTEL_EXPORTER_OTLP_${signal}_COMPRESSION`]: 'GZIP',
    };

    expect(destinationOf(environment)).toMatchObject({
      headers: { a: '3', b: 'two words', c: 'x=y' },
      tlsFiles: { ca: '/tls/own-ca.pem', cert: '/tls/cert.pem', key: '/tls/own-key.pem' },
      timeoutMs: 300,
      compression: 'gzip',
    });
  });

  it('says nothing of the other signal', () => {
    const environment = {
      [`OTEL_EXPORTER_OTLP_${other}_HEADERS`]: 'a=3',
      [`OTEL_EXPORTER_OTLP_${other}_CERTIFICATE`]: '/tls/own-ca.pem',
      [`OTEL_EXPORTER_OTLP_${other}_TIMEOUT`]: '300',
      [`OTEL_EXPORTER_OTLP_${other}_COMPRESSION`]: 'gzip',
    };

    expect(destinationOf(environment)).toMatchObject({
      headers: {},
      tlsFiles: {},
      timeoutMs: 10_000,
      compression: 'none',
    });
  });
});

it('everything else has the standard default', () => {
  expect(loadTelemetryConfig({})).toEqual({
    traces: undefined,
    metrics: undefined,
    serviceName: undefined,
    resourceAttributes: {},
    warnings: [],
  });
  expect(loadTelemetryConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' })).toMatchObject({
    traces: {
      sampler: 'parentbased_always_on',
      samplingRatio: 1,
      batch: { delayMs: 5_000, maxSpans: 512, maxQueuedSpans: 2_048 },
    },
    metrics: { intervalMs: 60_000, limitMs: 30_000, temporality: 'cumulative' },
  });
});

it('an export of metrics may take no longer than from one to the next', () => {
  const { metrics } = loadTelemetryConfig({ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '5000' });

  expect(metrics).toMatchObject({ intervalMs: 5_000, limitMs: 5_000 });
});

it.each(['delta', 'LowMemory', 'CUMULATIVE'])(
  'sums are sent as %s when that is preferred, in any case',
  (preference) => {
    const { metrics, warnings } = loadTelemetryConfig({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference,
    });

    expect(metrics?.temporality).toBe(preference.toLowerCase());
    expect(warnings).toEqual([]);
  },
);

it('attributes of the resource are decoded, their commas and equals signs too', () => {
  const { resourceAttributes, warnings } = loadTelemetryConfig({
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=pre%20production, team=a%2Cb%3Dc%25,%6Bey=%C3%A9',
  });

  expect(resourceAttributes).toEqual({
    'deployment.environment.name': 'pre production',
    team: 'a,b=c%',
    key: 'é',
  });
  expect(warnings).toEqual([]);
});

it.each<[string, string]>([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://collector'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json'],
  ['OTEL_TRACES_EXPORTER', 'otlp,console'],
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'secret-token'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'key=secret%zz'],
  ['OTEL_RESOURCE_ATTRIBUTES', '=secret'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['OTEL_BSP_SCHEDULE_DELAY', 'soon'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0'],
  ['OTEL_METRICS_EXPORTER', 'prometheus,console'],
  ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'http/json'],
  ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'sometimes'],
  ['OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION', 'base2_exponential_bucket_histogram'],
  ['OTEL_METRICS_EXEMPLAR_FILTER', 'always_on'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
  ['OTEL_PROPAGATORS', 'tracecontext,baggage'],
  ['OTEL_LOGS_EXPORTER', 'otlp'],
  ['OTEL_SEMCONV_STABILITY_OPT_IN', 'rpc/dup'],
  ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', '64'],
  ['OTEL_EXPORTER_JAEGER_ENDPOINT', 'http://secret@jaeger'],
])('%s is left out with one warning that names it, not its value: %s', (name, value) => {
  const warnings = warningsOf({ [name]: value });

  expect(warnings).toEqual([
    expect.stringMatching(
      new RegExp(`^${name} .*(: it is ignored|: no (spans|metrics|spans and no metrics) are sent)$`),
    ),
  ]);
  expect(warnings.join()).not.toContain('secret');
  expect(warningsOf({ [name]: value, OTEL_SDK_DISABLED: 'true' })).toEqual([]);
});

it.each(['1.5', '-1', 'much'])('a share of %s is left out with a warning', (share) => {
  const config = loadTelemetryConfig({
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_TRACES_SAMPLER: 'TraceIdRatio',
    OTEL_TRACES_SAMPLER_ARG: share,
  });

  expect(config.traces).toMatchObject({ sampler: 'traceidratio', samplingRatio: 1 });
  expect(config.warnings).toEqual(['OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: it is ignored']);
});

it('an unsupported sampler is replaced by the default one, and its argument is not read', () => {
  const config = loadTelemetryConfig({
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_TRACES_SAMPLER: 'parentbased_jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: 'endpoint=http://localhost:14250,pollingIntervalMs=5000',
  });

  expect(config.traces).toMatchObject({ sampler: 'parentbased_always_on', samplingRatio: 1 });
  expect(config.warnings).toHaveLength(1);
});

it.each<[string, Environment]>([
  [
    'supported values',
    { OTEL_PROPAGATORS: 'tracecontext', OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'prometheus' },
  ],
  ['the stable conventions', { OTEL_SEMCONV_STABILITY_OPT_IN: 'http,database,rpc' }],
  ['what is empty', { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '', OTEL_METRICS_EXPORTER: '' }],
  ['what only begins alike', { OTELCOL_CONFIG: 'x' }],
])('%s are no reason for a warning', (_, environment) => {
  expect(warningsOf(environment)).toEqual([]);
});
