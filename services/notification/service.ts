// Composition root of the notification service: everything is built here and nowhere else; tests build the same.
import { fileURLToPath } from 'node:url';
import { createTransport } from 'nodemailer';
import { type Breaker, createBreaker } from '../platform/breaker.ts';
import type { Logger } from '../platform/log.ts';
import { createService, type Runtime, type Service, type ServiceDefinition } from '../platform/service-runtime.ts';
import { createWorker } from '../platform/worker.ts';
import type { NotificationConfig } from './config.ts';
import { type MailerDependencies, sendDueMails } from './mailer.ts';
import { createNotificationStore } from './notification-store.ts';
import { createNotificationRoutes, createNotificationSubscriptions } from './routes.ts';

const MAIL_SERVER = 'smtp';
const BREAKER_FAILURES = 5;
// Mails of other replicas and those put off are found by this period; new ones wake the mailer at once.
const MAIL_PERIOD_MS = 500;
const SMTP_TIMEOUT_MS = 2_000;
const MAX_CONNECTIONS = 5;

/** Builds the notification service; nothing connects or listens before `start`. */
export function createNotificationService(config: NotificationConfig, log: Logger): Service {
  return createService({
    name: 'notification',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: (runtime) => defineNotificationService(config, runtime),
  });
}

function defineNotificationService(config: NotificationConfig, runtime: Runtime): ServiceDefinition {
  const { log } = runtime;
  const breaker = createMailBreaker(config, runtime);
  const transport = createMailTransport(config.smtpUrl);
  const mails: MailerDependencies = {
    store: createNotificationStore(runtime.backgroundDatabase),
    send: (mail) => transport.sendMail(mail),
    breaker,
    wakeRelay: runtime.wakeRelay,
    now: () => new Date(),
    log,
  };
  const mailer = createWorker({
    name: 'mailer',
    periodMs: MAIL_PERIOD_MS,
    work: (signal) => sendDueMails(mails, signal),
    log,
  });
  return {
    routes: createNotificationRoutes(createNotificationStore(runtime.database)),
    subscriptions: createNotificationSubscriptions(mailer.wake),
    dependencies: [{ name: MAIL_SERVER, breaker: breaker.view, stop: async () => transport.close() }],
    parts: [mailer],
  };
}

function createMailTransport(url: string) {
  return createTransport({
    url,
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    // A connection lost in the middle is this service's to try again: the mail may have been accepted.
    maxRequeues: 0,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    dnsTimeout: SMTP_TIMEOUT_MS,
    // What is mailed is text from events: never a reason to read a file or call an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function createMailBreaker(config: NotificationConfig, { metrics, log }: Runtime): Breaker {
  metrics.breakerState.set({ dependency: MAIL_SERVER }, 0);
  return createBreaker({
    dependency: MAIL_SERVER,
    failures: BREAKER_FAILURES,
    resetMs: config.breakerResetMs,
    onChange: ({ dependency, state, reason }) => {
      metrics.breakerState.set({ dependency }, { closed: 0, half_open: 1, open: 2 }[state]);
      log.warn({ dependency, state, reason }, 'circuit breaker changed');
    },
  });
}
