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
    expect(loadTelemetryConfig(environment).url).toBe(url);
  });
});

it('headers of all signals and of traces are put together, the latter count, and are decoded', () => {
  const { headers } = loadTelemetryConfig({
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b=two%20words,c=x=y',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=3',
  });
  expect(headers).toEqual({ a: '3', b: 'two words', c: 'x=y' });
});

it('the files of TLS for traces override those of all signals', () => {
  const { tlsFiles } = loadTelemetryConfig({
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/tls/ca.pem',
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: '/tls/traces-ca.pem',
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/tls/cert.pem',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: '/tls/key.pem',
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: '/tls/traces-key.pem',
  });
  expect(tlsFiles).toEqual({ ca: '/tls/traces-ca.pem', cert: '/tls/cert.pem', key: '/tls/traces-key.pem' });
});

it('everything else has the standard default', () => {
  expect(loadTelemetryConfig({})).toEqual({
    url: undefined,
    headers: {},
    tlsFiles: {},
    timeoutMs: 10_000,
    serviceName: undefined,
    resourceAttributes: {},
    sampler: 'parentbased_always_on',
    samplingRatio: 1,
    batch: { delayMs: 5_000, maxSpans: 512, maxQueuedSpans: 2_048 },
    warnings: [],
  });
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
])('%s is left out with one warning that names it, not its value: %s', (name, value) => {
  const warnings = warningsOf({ [name]: value });

  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^${name} .*(: it is ignored|: no spans are sent)$`))]);
  expect(warnings.join()).not.toContain('secret');
  expect(warningsOf({ [name]: value, OTEL_SDK_DISABLED: 'true' })).toEqual([]);
});

it.each(['1.5', '-1', 'much'])('a share of %s is left out with a warning', (share) => {
  const config = loadTelemetryConfig({ OTEL_TRACES_SAMPLER: 'TraceIdRatio', OTEL_TRACES_SAMPLER_ARG: share });

  expect(config).toMatchObject({ sampler: 'traceidratio', samplingRatio: 1 });
  expect(config.warnings).toEqual(['OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: it is ignored']);
});

it('an unsupported sampler is replaced by the default one, and its argument is not read', () => {
  const config = loadTelemetryConfig({
    OTEL_TRACES_SAMPLER: 'parentbased_jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: 'endpoint=http://localhost:14250,pollingIntervalMs=5000',
  });

  expect(config).toMatchObject({ sampler: 'parentbased_always_on', samplingRatio: 1 });
  expect(config.warnings).toHaveLength(1);
});
