import { describe, expect, it } from 'vitest';
import { ConfigError, type Environment } from '#services/platform/base/settings.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';

function faultsOf(environment: Environment): string {
  try {
    loadTelemetryConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return '';
}

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

it('everything else has the standard default', () => {
  expect(loadTelemetryConfig({})).toEqual({
    url: undefined,
    headers: {},
    timeoutMs: 10_000,
    serviceName: undefined,
    resourceAttributes: {},
    sampler: 'parentbased_always_on',
    samplingRatio: 1,
    batch: { delayMs: 5_000, maxSpans: 512, maxQueuedSpans: 2_048 },
  });
});

it.each<[string, string]>([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://collector'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'secret-token'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'key=secret%zz'],
  ['OTEL_RESOURCE_ATTRIBUTES', '=secret'],
  ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_TRACES_SAMPLER_ARG', '-1'],
  ['OTEL_BSP_SCHEDULE_DELAY', 'soon'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0'],
])('%s is refused by its name, not telling its value: %s', (name, value) => {
  const faults = faultsOf({ [name]: value });
  expect(faults).toContain(`${name} must be`);
  expect(faults).not.toContain('secret');
});

it('all faults are reported at once', () => {
  const faults = faultsOf({ OTEL_TRACES_SAMPLER: 'x', OTEL_TRACES_EXPORTER: 'y', OTEL_BSP_SCHEDULE_DELAY: 'z' });
  expect(faults.match(/must be/g)).toHaveLength(3);
});
