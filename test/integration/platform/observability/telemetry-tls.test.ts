// Spans and metrics on their way to a collector with TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { startMetricExport } from '#services/platform/observability/metric-export.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createResource } from '#services/platform/observability/otlp-export.ts';
import { startSpanExport } from '#services/platform/observability/span-export.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';
import { startOtlpReceiver } from '../../../support/telemetry/otlp-receiver.ts';
import { recordLog } from '../support/recorded-log.ts';

const authority = createAuthority('Authority of the collector');
const collectorsOwn = issueCertificate(authority, { name: 'collector', hosts: ['127.0.0.1'] });
const sender = issueCertificate(authority, { name: 'order' });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchstone-otlp-'));
  await writeFile(join(folder, 'ca.pem'), authority.cert);
  await writeFile(join(folder, 'cert.pem'), sender.cert);
  await writeFile(join(folder, 'key.pem'), sender.key);
});
afterAll(() => rm(folder, { recursive: true }));

const startCollector = (isClientAsked: boolean) =>
  startOtlpReceiver({
    ...collectorsOwn,
    ca: authority.cert,
    requestCert: isClientAsked,
    rejectUnauthorized: isClientAsked,
  });

type Signal = 'spans' | 'metrics';

/** Sends one span or one metric with these files, and returns what was logged. */
async function sendOne(signal: Signal, url: string, files: Record<string, string>) {
  const paths = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(folder, file)]));
  const config = loadTelemetryConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...paths });
  const resource = createResource('order', config);
  const { log, lines } = recordLog('order');
  if (signal === 'spans') {
    const { tracer, stop } = await startSpanExport(config.traces!, resource, log);
    tracer.startSpan('work').end();
    await stop();
  } else {
    const { registry } = createMetrics('order');
    const { stop } = await startMetricExport(
      config.metrics!,
      resource,
      () => registry.getMetricsAsJSON() as never,
      log,
    );
    await stop();
  }
  return lines;
}

describe.each<Signal>(['spans', 'metrics'])('the collector of %s', (signal) => {
  it('is trusted by the authorities of OTEL_EXPORTER_OTLP_CERTIFICATE', async () => {
    await using collector = await startCollector(false);
    await sendOne(signal, collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem' });
    expect(collector[signal].length).toBeGreaterThan(0);
  });

  it('gets nothing when no known authority has certified it, and a warning says why', async () => {
    await using collector = await startCollector(false);
    const lines = await sendOne(signal, collector.url, {});
    expect(collector[signal]).toEqual([]);
    expect(JSON.stringify(lines)).toMatch(/certificate/);
  });

  it('is shown the certificate of the settings when it asks for one', async () => {
    await using collector = await startCollector(true);
    await sendOne(signal, collector.url, {
      OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem',
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'cert.pem',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: 'key.pem',
    });
    expect(collector[signal].length).toBeGreaterThan(0);
  });
});

it('a file that is not there is a warning, not a failure', async () => {
  await using collector = await startCollector(false);
  const lines = await sendOne('spans', collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: 'missing.pem' });
  expect(lines).toContainEqual(
    expect.objectContaining({ part: 'ca', msg: 'a TLS file for the collector cannot be read: it is ignored' }),
  );
});
