// The process of the mailbox.

import { parseSettings, port, z } from '../../services/platform/base/settings.ts';
import { createLog } from '../../services/platform/observability/log.ts';
import { openLogOutput } from '../../services/platform/observability/log-output.ts';
import { sharedSettings } from '../../services/platform/runtime/config.ts';
import { readServerCertificate } from '../identity/stack-certificates.ts';
import { startMailbox } from './mailbox.ts';

const settings = parseSettings(process.env, {
  HOST: sharedSettings.HOST,
  ALLOWED_HOSTS: sharedSettings.ALLOWED_HOSTS,
  LOG_LEVEL: sharedSettings.LOG_LEVEL,
  TLS_CERT_FILE: sharedSettings.TLS_CERT_FILE,
  TLS_KEY_FILE: sharedSettings.TLS_KEY_FILE,
  MAILBOX_SMTP_PORT: port(1025),
  MAILBOX_HTTP_PORT: port(8025),
  MAILBOX_FILE: z.string().default('.data/mailbox.jsonl'),
});
const log = createLog({ service: 'mailbox', level: settings.LOG_LEVEL, destination: openLogOutput(process) });
try {
  const mailbox = await startMailbox({
    smtpPort: settings.MAILBOX_SMTP_PORT,
    httpPort: settings.MAILBOX_HTTP_PORT,
    host: settings.HOST,
    tls: readServerCertificate(settings),
    allowedHosts: settings.ALLOWED_HOSTS,
    file: settings.MAILBOX_FILE,
    log,
  });
  log.info({ smtp: mailbox.smtpUrl, http: `${mailbox.httpUrl}/messages` }, 'mailbox listening');
  const stop = () => mailbox.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log.fatal({ err: error }, 'mailbox cannot start');
  process.exit(1);
}
