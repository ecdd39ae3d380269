// The composition root of the notification service: the only file here that constructs. Tests build the same.
import { fileURLToPath } from 'node:url';
import { createTransport } from 'nodemailer';
import { DOMAIN } from '../domain.ts';
import { createWorker } from '../platform/base/worker.ts';
import { createCallPolicy } from '../platform/client/call-policy.ts';
import { trustedAuthorities } from '../platform/identity/tls-files.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  createService,
  type ProcessOptions,
  type Runtime,
  type Service,
  type ServiceDefinition,
} from '../platform/runtime/service-runtime.ts';
import type { NotificationConfig } from './config.ts';
import { type MailerDependencies, sendDueMails, toMailFailure } from './mailer.ts';
import { createNotificationPruneRule, createNotificationStore } from './notification-store.ts';
import { createPolicies } from './policies.ts';
import { createNotificationRoutes, createNotificationSubscriptions, NOTIFICATION_CHECKS } from './routes.ts';

// The poll interval for postponed mails and those of other replicas; a new notification wakes the mailer at once.
const MAIL_PERIOD_MS = 1_000;
// While orders come often, their mails are sent in batches this far apart.
const MAIL_MIN_PAUSE_MS = 200;
const SMTP_TIMEOUT_MS = 2_000;

/** Builds the notification service; nothing connects or listens before `start`. */
export function createNotificationService(
  config: NotificationConfig,
  log: Logger,
  options: ProcessOptions = {},
): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'notification',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: (runtime) => defineNotificationService(config, runtime),
  });
}

function defineNotificationService(config: NotificationConfig, runtime: Runtime): ServiceDefinition {
  const { log, metrics } = runtime;
  const policy = createPolicies(config.breakerResetMs).mailServer;
  const toFailure = (thrown: unknown) => toMailFailure(policy.name, thrown);
  const mailServer = createCallPolicy({ policy, system: 'smtp', toFailure, metrics, log });
  const transport = createMailTransport(config, policy.maxConcurrent, runtime.tls && trustedAuthorities(runtime.tls));
  const mails: MailerDependencies = {
    store: createNotificationStore(runtime.backgroundDatabase),
    send: (mail) => transport.sendMail(mail),
    mailServer,
    accepted: new Map(),
    wakeRelay: runtime.wakeRelay,
    now: () => new Date(),
    log,
  };
  const mailer = createWorker({
    name: 'mailer',
    periodMs: MAIL_PERIOD_MS,
    minPauseMs: MAIL_MIN_PAUSE_MS,
    work: (signal) => sendDueMails(mails, signal),
    log,
  });
  return {
    routes: createNotificationRoutes(createNotificationStore(runtime.database)),
    checks: NOTIFICATION_CHECKS,
    subscriptions: createNotificationSubscriptions(mailer.wake),
    dependencies: [{ ...mailServer, stop: async () => transport.close() }],
    components: [mailer],
    pruneRules: [createNotificationPruneRule(config.syntheticRetentionMs)],
  };
}

function createMailTransport(
  { smtpUrl, smtpStartTls }: NotificationConfig,
  maxConnections: number,
  authorities: string[] | undefined,
) {
  return createTransport({
    url: smtpUrl,
    // Without it the transport would go on in cleartext where the server does not offer STARTTLS.
    requireTLS: smtpStartTls,
    ignoreTLS: !smtpStartTls,
    ...(authorities === undefined ? {} : { tls: { ca: authorities } }),
    pool: true,
    maxConnections,
    // No requeueing in the transport: the mailer decides about retries, as the mail may have been accepted.
    maxRequeues: 0,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    dnsTimeout: SMTP_TIMEOUT_MS,
    // The mail contains untrusted text from events, which must never read a file or fetch a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
