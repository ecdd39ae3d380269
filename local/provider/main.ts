// The process of the fake payment provider.

import { durationMs, parseSettings, port, z } from '../../services/platform/base/settings.ts';
import { createLog } from '../../services/platform/observability/log.ts';
import { openLogOutput } from '../../services/platform/observability/log-output.ts';
import { sharedSettings } from '../../services/platform/runtime/config.ts';
import { readServerCertificate } from '../identity/stack-certificates.ts';
import { startFakePaymentProvider } from './provider.ts';

const settings = parseSettings(process.env, {
  HOST: sharedSettings.HOST,
  ALLOWED_HOSTS: sharedSettings.ALLOWED_HOSTS,
  LOG_LEVEL: sharedSettings.LOG_LEVEL,
  TLS_CERT_FILE: sharedSettings.TLS_CERT_FILE,
  TLS_KEY_FILE: sharedSettings.TLS_KEY_FILE,
  PAYMENT_PROVIDER_PORT: port(50_060),
  PAYMENT_PROVIDER_LEDGER: z.string().default('.data/provider-ledger.jsonl'),
  PAYMENT_PROVIDER_KEY_RETENTION_MS: durationMs(24 * 60 * 60 * 1000),
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: durationMs(5_000, 0),
});
const log = createLog({ service: 'provider', level: settings.LOG_LEVEL, destination: openLogOutput(process) });
try {
  const provider = await startFakePaymentProvider({
    port: settings.PAYMENT_PROVIDER_PORT,
    host: settings.HOST,
    tls: readServerCertificate(settings),
    allowedHosts: settings.ALLOWED_HOSTS,
    ledgerFile: settings.PAYMENT_PROVIDER_LEDGER,
    keyRetentionMs: settings.PAYMENT_PROVIDER_KEY_RETENTION_MS,
    slowCaptureMs: settings.PAYMENT_PROVIDER_SLOW_CAPTURE_MS,
    log,
  });
  log.info({ url: provider.url }, 'fake payment provider listening');
  const stop = () => provider.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log.fatal({ err: error }, 'fake payment provider cannot start');
  process.exit(1);
}
