// The local stack's mail server: accepts every mail by SMTP and lists it over HTTP. Runs as a process (main.ts) or inside a test.

import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { type JsonResponse, startJsonServer } from '../shared/json-server.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { type MailMessage, type MessageStore, openMessageStore } from './message-store.ts';

const MAX_MAIL_BYTES = 1024 * 1024;
const MAX_CLIENTS = 200;
const CLOSE_GRACE_MS = 200;

export type MailboxOptions = {
  /** Default 0: the system chooses a free port. */
  smtpPort?: number;
  /** Default 0: the system chooses a free port. */
  httpPort?: number;
  host?: string;
  /** Names by which it is called over HTTP, in addition to IP addresses, `localhost` and `host`. Default none. */
  allowedHosts?: readonly string[] | undefined;
  /** Default none: messages are in memory. */
  file?: string;
  /** The number of messages kept in memory, the newest. Default 100,000. */
  maxMessages?: number;
  log?: Logger;
  /** With them it takes mail only after STARTTLS, and lists it over HTTPS. PEM. */
  tls?: { cert: Buffer; key: Buffer } | undefined;
};

export type Mailbox = AsyncDisposable & {
  /** `smtp://127.0.0.1:1025` */
  smtpUrl: string;
  smtpPort: number;
  /** `GET /messages`, `GET /messages?to=<address>`, `GET /healthz`. */
  httpUrl: string;
  httpPort: number;
  close(): Promise<void>;
};

/**
 * Starts both listeners.
 * @throws {Error} when a port is taken or the file is damaged.
 */
export async function startMailbox(options: MailboxOptions = {}): Promise<Mailbox> {
  const host = options.host ?? '127.0.0.1';
  const log = options.log ?? silentLogger;
  await using started = new AsyncDisposableStack();
  const { maxMessages } = options;
  const store = started.use(await openMessageStore(options.file, maxMessages === undefined ? {} : { maxMessages }));
  const smtp = started.use(await startSmtpServer(host, { ...options, log }, store));
  const http = started.use(
    await startJsonServer({
      host,
      port: options.httpPort ?? 0,
      allowedHosts: options.allowedHosts,
      log,
      tls: options.tls,
      routes: {
        'GET /messages': ({ query }) => listMessages(store, query.get('to')),
        'GET /healthz': () => ({ status: 200, body: { status: 'ok' } }),
      },
    }),
  );
  const running = started.move();
  const close = () => running.disposeAsync();
  const smtpUrl = `smtp://${host.includes(':') ? `[${host}]` : host}:${smtp.port}`;
  return { smtpUrl, smtpPort: smtp.port, httpUrl: http.url, httpPort: http.port, close, [Symbol.asyncDispose]: close };
}

function listMessages(store: MessageStore, to: string | null): JsonResponse {
  return { status: 200, body: { messages: store.list(to ?? undefined) } };
}

async function startSmtpServer(
  host: string,
  { smtpPort: port = 0, tls, log }: MailboxOptions & { log: Logger },
  store: MessageStore,
) {
  const server = new SMTPServer({
    disabledCommands: tls === undefined ? ['AUTH', 'STARTTLS'] : ['AUTH'],
    ...(tls === undefined ? {} : tls),
    onMailFrom: (_address, session, callback) =>
      callback(
        tls === undefined || session.secure ? null : Object.assign(new Error('STARTTLS first'), { responseCode: 530 }),
      ),
    authOptional: true,
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    maxClients: MAX_CLIENTS,
    closeTimeout: CLOSE_GRACE_MS,
    onData(stream, session, callback) {
      receiveMail(stream, session, store).then(
        (message) => {
          log.info({ to: message.to, subject: message.subject }, 'mail received');
          callback();
        },
        (error: Error) => {
          log.warn({ err: error }, 'mail rejected');
          callback(error);
        },
      );
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // A client that disconnects in the middle of a mail was never answered 250, so it sends the mail again.
  server.on('error', (error) => log.warn({ err: error }, 'smtp connection failed'));
  return {
    port: (server.server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Resolves when the mail is durable, as SMTP's 250 promises. */
async function receiveMail(stream: SMTPServerDataStream, session: SMTPServerSession, store: MessageStore) {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // A mail that is too large is still read to its end: SMTP answers only after the last byte.
    if (!stream.sizeExceeded) chunks.push(chunk);
  }
  if (stream.sizeExceeded) {
    throw Object.assign(new Error(`mail larger than ${MAX_MAIL_BYTES} bytes`), { responseCode: 552 });
  }
  const parsing: Promise<ParsedMail> = simpleParser(Buffer.concat(chunks), {
    skipHtmlToText: true,
    skipTextToHtml: true,
  });
  const parsed = await parsing;
  const { mailFrom, rcptTo } = session.envelope;
  const message: MailMessage = {
    id: randomUUID(),
    message_id: parsed.messageId ?? null,
    from: mailFrom === false ? '' : mailFrom.address,
    to: rcptTo.map((recipient) => recipient.address.toLowerCase()),
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    received_time: new Date().toISOString(),
  };
  await store.add(message);
  return message;
}
