// Spans on their way to a collector with TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { createTelemetry } from '#services/platform/observability/telemetry.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';
import { startOtlpReceiver } from '../../../support/otlp-receiver.ts';
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

async function sendOneSpan(url: string, files: Record<string, string>): Promise<readonly Record<string, unknown>[]> {
  const paths = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(folder, file)]));
  const config = loadTelemetryConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...paths });
  const { log, lines } = recordLog('order');
  const { tracer, stop } = await createTelemetry({ ...config, url: config.url ?? '' }, 'order', log);
  tracer.startSpan('work').end();
  await stop();
  return lines;
}

it('a collector is trusted by the authorities of OTEL_EXPORTER_OTLP_CERTIFICATE', async () => {
  await using collector = await startCollector(false);
  await sendOneSpan(collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem' });
  expect(collector.spans).toMatchObject([{ name: 'work' }]);
});

it('a collector that no known authority has certified gets no span, and a warning says why', async () => {
  await using collector = await startCollector(false);
  const lines = await sendOneSpan(collector.url, {});
  expect(collector.spans).toEqual([]);
  expect(JSON.stringify(lines)).toMatch(/certificate/);
});

it('a collector that asks for a certificate is shown that of the settings', async () => {
  await using collector = await startCollector(true);
  await sendOneSpan(collector.url, {
    OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem',
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'cert.pem',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: 'key.pem',
  });
  expect(collector.spans).toHaveLength(1);
});

it('a file that is not there is a warning, not a failure', async () => {
  await using collector = await startCollector(false);
  const lines = await sendOneSpan(collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: 'missing.pem' });
  expect(lines).toContainEqual(
    expect.objectContaining({ part: 'ca', msg: 'a TLS file for the collector cannot be read: it is ignored' }),
  );
});
