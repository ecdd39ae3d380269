// The connection to NATS: kept for ever, at start and after any loss. A service runs without it; what needs it waits.
import {
  connect,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  type QueuedIterator,
  type Status,
} from 'nats';
import { backoffMs, pause } from '../base/backoff.ts';
import { describeError } from '../base/errors.ts';
import type { Logger } from '../observability/log.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 3_000;
const MAX_BACKOFF_MS = 2_000;

/** A live connection with its JetStream clients. */
export type BrokerSession = {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
};

export type Broker = {
  readonly name: string;
  /** Begins to connect, without waiting for it. */
  start(): Promise<void>;
  /** Sends what is buffered and closes. */
  stop(): Promise<void>;
  /** The session, as soon as there is one; undefined when `signal` aborts first. */
  session(signal: AbortSignal): Promise<BrokerSession | undefined>;
  /** Whether it is connected now, and since when that is so. */
  status(): { readonly connected: boolean; readonly since: Date };
};

export type BrokerOptions = {
  /** `nats://user:password@host:port`; with `tls://` it is never spoken in clear. */
  readonly url: string;
  /** The service's name: the connection's name and the prefix of its inbox. */
  readonly service: string;
  readonly log: Logger;
};

/** Makes the connection; `start` begins it. */
export function createBroker(options: BrokerOptions): Broker {
  const stopping = new AbortController();
  let connected = false;
  let since = new Date();
  let opening: Promise<BrokerSession | undefined> | undefined;
  let watching: Promise<void> | undefined;

  const mark = (now: boolean): void => {
    if (connected === now) return;
    connected = now;
    since = new Date();
    if (now) options.log.info('connected to the broker');
    else if (!stopping.signal.aborted) options.log.warn('the broker is away; events wait in the outbox');
  };

  const open = async (): Promise<BrokerSession | undefined> => {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        const session = await openSession(options);
        mark(true);
        watching = watch(session.connection, mark);
        return session;
      } catch (error) {
        if (attempt === 1)
          options.log.warn({ reason: describeError(error) }, 'the broker is away; connecting for ever');
        await pause(backoffMs(attempt, 100, MAX_BACKOFF_MS), stopping.signal);
      }
    }
    return undefined;
  };

  return {
    name: 'broker',
    start: async () => {
      opening ??= open();
    },
    stop: async () => {
      stopping.abort();
      const session = await opening;
      // Nothing is subscribed any more and every publication was acknowledged, so there is nothing to drain.
      await session?.connection.close();
      await watching;
    },
    session: (signal) => {
      opening ??= open();
      return unlessAborted(opening, signal);
    },
    status: () => ({ connected, since }),
  };
}

async function openSession(options: BrokerOptions): Promise<BrokerSession> {
  const { protocol, host, username, password } = new URL(options.url);
  const connection = await connect({
    servers: host,
    name: options.service,
    inboxPrefix: `_INBOX_${options.service}`,
    ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    // Without it the client would speak in clear to a server that asks for nothing better.
    ...(protocol === 'tls:' ? { tls: {} } : {}),
    timeout: CONNECT_TIMEOUT_MS,
    // The client gives up by default, after some tries or on a refused password: this one never does.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
  });
  try {
    const jetstream = connection.jetstream({ timeout: REQUEST_TIMEOUT_MS });
    const manager = await connection.jetstreamManager({ timeout: REQUEST_TIMEOUT_MS, checkAPI: false });
    return { connection, jetstream, manager };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function watch(connection: NatsConnection, mark: (connected: boolean) => void): Promise<void> {
  const statuses = connection.status() as QueuedIterator<Status>;
  // Closing the connection does not end the client's iterator.
  const closed = connection.closed().then(() => statuses.stop());
  for await (const status of statuses) {
    if (status.type === Events.Disconnect) mark(false);
    if (status.type === Events.Reconnect) mark(true);
  }
  await closed;
  mark(false);
}

// Takes its listener off again: the signal of a loop outlives thousands of these waits.
async function unlessAborted<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = (): void => aborted.resolve(undefined);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([wanted, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
