// The connection to NATS: opened and reopened for ever. A service also runs without it; the work that needs the broker waits.
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  type QueuedIterator,
  type Status,
  type TlsOptions,
} from 'nats';
import { backoffMs, pause } from '../base/backoff.ts';
import { describeError } from '../base/errors.ts';
import type { TlsPaths } from '../identity/tls-files.ts';
import type { Logger } from '../observability/log.ts';
import { explainConnectError, readCredentialsFile, type SettingPrefix } from './broker-faults.ts';
import { parseBrokerUrl } from './broker-url.ts';

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
  /**
   * Starts to connect, without waiting for the connection.
   *
   * @throws {ConfigError} there is no credentials file where one is named.
   */
  start(): Promise<void>;
  /** Sends what is buffered and closes. */
  stop(): Promise<void>;
  /** Waits for the first session; returns undefined when `signal` aborts before. */
  session(signal: AbortSignal): Promise<BrokerSession | undefined>;
  /** Whether it is connected now, and since when. */
  status(): { readonly connected: boolean; readonly since: Date };
};

export type BrokerOptions = {
  /**
   * `nats://user:password@host:port`, or the servers of a cluster separated by commas; with `tls://` the connection is always
   * encrypted. `?api_prefix=EVENTS.API` names the subjects under which this user's account imports the JetStream API of another account.
   */
  readonly url: string;
  /** The service's name: the connection's name and the prefix of its inbox. */
  readonly service: string;
  /** For a `tls:` url: the authorities to accept, and the certificate to show. Default: the authorities that Node knows. */
  readonly tls?: TlsPaths | undefined;
  /** The credentials file of the user, instead of user and password in the url. */
  readonly credentialsFile?: string | undefined;
  /** For errors. Default: NATS. */
  readonly settingPrefix?: SettingPrefix;
  readonly log: Logger;
};

/** Creates the connection; `start` opens it. */
export function createBroker(options: BrokerOptions): Broker {
  const stopping = new AbortController();
  let connected = false;
  let since = new Date();
  let opening: Promise<BrokerSession | undefined> | undefined;
  let watcher: Promise<void> | undefined;

  const setConnected = (isConnected: boolean): void => {
    if (connected === isConnected) return;
    connected = isConnected;
    since = new Date();
    if (isConnected) options.log.info('connected to the broker');
    else if (!stopping.signal.aborted) options.log.warn('the broker is unreachable; events wait in the outbox');
  };

  const open = async (): Promise<BrokerSession | undefined> => {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        const session = await openSession(options);
        setConnected(true);
        watcher = watchStatus(session.connection, setConnected);
        return session;
      } catch (error) {
        if (attempt === 1)
          options.log.warn({ reason: describeError(error) }, 'the broker is unreachable; connecting until it answers');
        await pause(backoffMs(attempt, 100, MAX_BACKOFF_MS), stopping.signal);
      }
    }
    return undefined;
  };

  return {
    name: 'broker',
    start: async () => {
      await readCredentials(options);
      opening ??= open();
    },
    stop: async () => {
      stopping.abort();
      const session = await opening;
      // No subscription is left and every publication was acknowledged, so there is nothing to drain.
      await session?.connection.close();
      await watcher;
    },
    session: (signal) => {
      opening ??= open();
      return unlessAborted(opening, signal);
    },
    status: () => ({ connected, since }),
  };
}

/**
 * Opens one connection that reconnects for ever once it is open.
 *
 * @throws {Error} it cannot be opened; the message names the setting at fault.
 */
export async function openSession(options: Omit<BrokerOptions, 'log'>): Promise<BrokerSession> {
  const { servers, isTls, login, apiPrefix } = parseBrokerUrl(options.url);
  const api = { timeout: REQUEST_TIMEOUT_MS, ...(apiPrefix === undefined ? {} : { apiPrefix }) };
  const credentials = await readCredentials(options);
  const connection = await connect({
    servers: [...servers],
    name: options.service,
    inboxPrefix: `_INBOX_${options.service}`,
    ...login,
    // Without it the client would connect unencrypted when the server does not require TLS.
    ...(isTls ? { tls: tlsOptions(options.tls) } : {}),
    ...credentials,
    timeout: CONNECT_TIMEOUT_MS,
    // By default the client gives up after some attempts, or on a rejected password: this one never does.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
  }).catch((error: unknown) => {
    throw explainConnectError(error, servers, options.settingPrefix ?? 'NATS');
  });
  try {
    const jetstream = connection.jetstream(api);
    const manager = await connection.jetstreamManager({ ...api, checkAPI: false });
    return { connection, jetstream, manager };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

// The client reads the files at every connection, so renewed ones are used.
function tlsOptions(paths: TlsPaths | undefined): TlsOptions {
  return paths === undefined ? {} : { caFile: paths.ca, certFile: paths.cert, keyFile: paths.key };
}

async function readCredentials({
  credentialsFile,
  settingPrefix = 'NATS',
}: Pick<BrokerOptions, 'credentialsFile' | 'settingPrefix'>): Promise<Pick<ConnectionOptions, 'authenticator'>> {
  if (credentialsFile === undefined) return {};
  return { authenticator: credsAuthenticator(await readCredentialsFile(credentialsFile, settingPrefix)) };
}

async function watchStatus(connection: NatsConnection, setConnected: (isConnected: boolean) => void): Promise<void> {
  const statuses = connection.status() as QueuedIterator<Status>;
  // Closing the connection does not end the client's iterator.
  const closed = connection.closed().then(() => statuses.stop());
  for await (const status of statuses) {
    if (status.type === Events.Disconnect) setConnected(false);
    if (status.type === Events.Reconnect) setConnected(true);
  }
  await closed;
  setConnected(false);
}

// Removes its listener: the signal of a loop outlives thousands of these waits.
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = (): void => aborted.resolve(undefined);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
