// The notification fixture: the real service on a free port, with a mailbox, clients and builders.
import { createClient, type Client as RpcClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Client } from 'pg';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { type Mailbox, startMailbox } from '#local/mailbox/mailbox.ts';
import type { MailMessage } from '#local/mailbox/message-store.ts';
import { loadConfig } from '#services/notification/config.ts';
import { createNotificationService } from '#services/notification/service.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { asAllowedCaller, TEST_IDENTITY } from '../identity/credentials.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { PATIENT_DATABASE } from '../patience.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

export type RunningNotificationService = AsyncDisposable & {
  readonly url: string;
  readonly client: RpcClient<typeof NotificationService>;
  readonly ops: RpcClient<typeof OpsService>;
  stop(): Promise<void>;
};

/** Starts the notification service on a free port; `environment` holds its settings, like `NOTIFICATION_DATABASE_URL`. */
async function startNotificationService(environment: Record<string, string>): Promise<RunningNotificationService> {
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    NOTIFICATION_PORT: '0',
    LOG_LEVEL: level,
    ...TEST_IDENTITY,
    ...PATIENT_DATABASE,
    ...environment,
  });
  const service = createNotificationService(config, createLog({ service: 'notification', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [asAllowedCaller()] });
  return {
    url,
    client: createClient(NotificationService, transport),
    ops: createClient(OpsService, transport),
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** A replica of notification with its own database, broker and mailbox. */
export type NotificationFixture = RunningNotificationService & {
  readonly database: TestDatabase;
  readonly nats: TestNats;
  readonly mailbox: Mailbox;
  /** Starts one more replica, next to it or instead of it. */
  startReplica(): Promise<RunningNotificationService>;
  /** Runs a statement in its database, bypassing the service. */
  query(text: string): Promise<unknown>;
  /** Returns every mail in the mailbox, oldest first. */
  mails(): Promise<MailMessage[]>;
};

/** Starts notification with its dependencies; `smtpUrl` replaces the mailbox's, `settings` are further settings. */
export async function startNotificationFixture(
  options: { readonly smtpUrl?: string; readonly settings?: Record<string, string> } = {},
): Promise<NotificationFixture> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('notification'));
  const nats = resources.use(await startTestNats());
  const mailbox = resources.use(await startMailbox());
  const environment = {
    NOTIFICATION_DATABASE_URL: database.databaseUrl,
    NATS_URL: nats.url('notification'),
    SMTP_URL: options.smtpUrl ?? mailbox.smtpUrl,
    BREAKER_RESET_MS: '200',
    ...options.settings,
  };
  const notification = resources.use(await startNotificationService(environment));
  const session = new Client({ connectionString: database.superuserUrl });
  await session.connect();
  resources.defer(() => session.end());
  const owned = resources.move();
  return {
    ...notification,
    database,
    nats,
    mailbox,
    startReplica: () => startNotificationService(environment),
    query: (text) => session.query(text),
    mails: () => fetchMails(mailbox.httpUrl),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The event of a confirmed order of cust123: 1 x 12345 for 59.99 EUR. */
export function orderConfirmed(orderId: string, changes: { customerId?: string; synthetic?: boolean } = {}) {
  const price = { currencyCode: 'EUR', minorUnits: 5999n };
  return {
    orderId,
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 1, unitPrice: price }],
    total: price,
    version: 3n,
    ...changes,
  };
}

/** Fetches every mail of a mailbox, oldest first. */
export async function fetchMails(httpUrl: string): Promise<MailMessage[]> {
  const answer = await fetch(`${httpUrl}/messages`);
  return ((await answer.json()) as { messages: MailMessage[] }).messages;
}
