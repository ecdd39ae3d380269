// A connection to a NATS broker: it publishes events and listens to subjects, on core NATS and on JetStream.

import { readFile } from 'node:fs/promises';
import type * as Nats from 'nats';
import { reasonOf } from '../base/error-reason.ts';
import type { CapturedEvent } from '../events/captured-event.ts';

/** The address of a broker, and who calls it. */
export type BrokerOptions = {
  /** Such as `nats://127.0.0.1:4222` or `tls://broker:4222`, also with user and password. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A file of credentials, as `nsc` writes it. */
  readonly credentialsFile?: string;
  /** Files in PEM. With any of them the connection uses TLS. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
};

/** An open connection. Disposing of it sends what is pending, and closes it. */
export type Broker = AsyncDisposable & {
  /** Publishes an event; with `isStored` it waits until a stream has stored it. */
  publish(event: CapturedEvent, isStored: boolean): Promise<void>;
  /**
   * Listens to a subject, which may have wildcards. With `isStored` it begins with the events that a stream has stored.
   * It ends with the connection, or when `signal` aborts.
   */
  listen(subject: string, options: ListenOptions): Promise<AsyncIterable<CapturedEvent>>;
};

export type ListenOptions = {
  readonly isStored: boolean;
  readonly signal: AbortSignal;
};

/** The broker cannot be reached, or refuses what is asked. The message has no address, which may contain a password. */
class BrokerError extends Error {}

const CONNECT_TIMEOUT_MS = 5000;

/**
 * Connects to a broker.
 *
 * @throws {BrokerError} if it cannot be reached, or refuses the credentials.
 */
export async function connectBroker(options: BrokerOptions): Promise<Broker> {
  const nats = await import('nats');
  const connection = await open(nats, options);
  return {
    publish: (event, isStored) => publish(nats, connection, event, isStored),
    listen: (subject, how) => listen(connection, subject, how),
    [Symbol.asyncDispose]: () => connection.drain(),
  };
}

async function open(nats: typeof Nats, options: BrokerOptions): Promise<Nats.NatsConnection> {
  const { url, user, password, token, credentialsFile, tls } = options;
  const address = URL.parse(url);
  if (!address) throw new BrokerError('must be a URL such as nats://127.0.0.1:4222');
  const name = decodeURIComponent(address.username) || user;
  const secret = decodeURIComponent(address.password) || password;
  const credentials = credentialsFile === undefined ? undefined : await readFile(credentialsFile);
  try {
    return await nats.connect({
      servers: `${address.hostname}:${address.port || '4222'}`,
      timeout: CONNECT_TIMEOUT_MS,
      reconnect: false,
      ...(name && { user: name }),
      ...(secret && { pass: secret }),
      ...(token && { token }),
      ...(credentials && { authenticator: nats.credsAuthenticator(credentials) }),
      ...((tls || address.protocol === 'tls:') && { tls: { ...tls, ...named(address) } }),
    });
  } catch (error) {
    throw new BrokerError(`the broker cannot be reached: ${explain(error)}`, { cause: error });
  }
}

// The client names the broker to Node only if it has a host name: the certificate of an address would be compared with `localhost`.
function named({ hostname }: URL): object {
  return { host: hostname.replace(/^\[|\]$/g, '') };
}

async function publish(
  nats: typeof Nats,
  connection: Nats.NatsConnection,
  { subject, headers: given, payload }: CapturedEvent,
  isStored: boolean,
): Promise<void> {
  const headers = nats.headers();
  for (const [name, value] of Object.entries(given)) headers.set(name, value);
  try {
    if (!isStored) {
      connection.publish(subject, payload, { headers });
      await connection.flush();
      return;
    }
    const id = given['ce-id'];
    await connection.jetstream().publish(subject, payload, { headers, ...(id && { msgID: id }) });
  } catch (error) {
    throw new BrokerError(`"${subject}" is not published: ${explain(error)}`, { cause: error });
  }
}

async function listen(
  connection: Nats.NatsConnection,
  subject: string,
  { isStored, signal }: ListenOptions,
): Promise<AsyncIterable<CapturedEvent>> {
  if (!isStored) {
    const subscription = connection.subscribe(subject);
    // The broker knows of the subscription when it has answered.
    await connection.flush();
    signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
    if (signal.aborted) subscription.unsubscribe();
    return toEvents(subscription);
  }
  try {
    const stream = await (await connection.jetstreamManager()).streams.find(subject);
    const consumer = await connection.jetstream().consumers.get(stream, { filterSubjects: subject });
    const messages = await consumer.consume();
    const stop = () => void messages.close();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return toEvents(messages);
  } catch (error) {
    throw new BrokerError(`no stream has the subject "${subject}": ${explain(error)}`, { cause: error });
  }
}

type Received = Pick<Nats.Msg, 'subject' | 'data'> & { readonly headers?: Nats.MsgHdrs | undefined };

async function* toEvents(messages: AsyncIterable<Received>): AsyncGenerator<CapturedEvent> {
  for await (const { subject, data, headers } of messages) {
    const names = headers?.keys() ?? [];
    yield {
      subject,
      headers: Object.fromEntries(names.map((name) => [name.toLowerCase(), headers?.get(name) ?? ''])),
      payload: data,
    };
  }
}

// The client's errors are codes; only some of them explain themselves.
function explain(error: unknown): string {
  const { code } = error as { code?: unknown };
  switch (code) {
    case '503':
      return 'no stream takes it';
    case 'CONNECTION_REFUSED':
      return 'nothing listens at the address';
    case 'AUTHORIZATION_VIOLATION':
    case 'AUTHENTICATION_TIMEOUT':
      return 'it refuses the credentials';
    default:
      return reasonOf(error);
  }
}
