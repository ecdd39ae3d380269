// The readers of the sources of facts. Each read opens its own short connection, so it works while processes are restarted.
import { connect, type JetStreamClient, type JetStreamManager } from 'nats';
import { Client, type QueryResultRow } from 'pg';
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const READ_TIMEOUT_MS = 60_000;

/** A source of facts cannot be read. The message holds no secret. */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable';
}

/** Builds the error of a source that cannot be read. Its message has only host and port of the URL: the rest may be secret. */
export function sourceUnavailable(source: string, url: string, cause: unknown): SourceUnavailable {
  const reason = scrubSecrets(describeError(cause));
  return new SourceUnavailable(`${source} at ${new URL(url).host} cannot be read: ${reason}`, { cause });
}

export type Query = <Row extends QueryResultRow>(text: string) => Promise<Row[]>;

/**
 * Reads from one database, in one snapshot.
 *
 * @throws {SourceUnavailable} the database cannot be read.
 */
export async function readDatabase<Result>(
  service: string,
  url: string,
  read: (query: Query) => Promise<Result>,
): Promise<Result> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: READ_TIMEOUT_MS,
    application_name: 'invariants',
  });
  const lost: Error[] = [];
  // Without a listener, a lost connection would end the process. The error that is thrown comes from the failing statement.
  client.on('error', (error) => lost.push(error));
  try {
    await client.connect();
    await client.query('begin transaction isolation level repeatable read read only');
    return await read(async <Row extends QueryResultRow>(text: string) => (await client.query<Row>(text)).rows);
  } catch (error) {
    throw sourceUnavailable(`the database of ${service}`, url, error);
  } finally {
    await client.end();
  }
}

export type StreamReader = { readonly jetstream: JetStreamClient; readonly manager: JetStreamManager };

/**
 * Reads from the broker.
 *
 * @throws {SourceUnavailable} the broker cannot be read.
 */
export async function readBroker<Result>(
  url: string,
  read: (reader: StreamReader) => Promise<Result>,
): Promise<Result> {
  try {
    const { host, username, password } = new URL(url);
    const connection = await connect({
      servers: host,
      name: 'invariants',
      reconnect: false,
      timeout: CONNECT_TIMEOUT_MS,
      ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    });
    try {
      const manager = await connection.jetstreamManager({ timeout: CONNECT_TIMEOUT_MS });
      return await read({ jetstream: connection.jetstream({ timeout: CONNECT_TIMEOUT_MS }), manager });
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw sourceUnavailable('the broker', url, error);
  }
}

/**
 * Reads JSON over HTTP. Returns undefined for 404.
 *
 * @throws {SourceUnavailable} the server does not answer, or with another status.
 */
export async function readJson(source: string, url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(READ_TIMEOUT_MS) });
    if (response.ok) return await response.json();
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw new Error(`it answered ${response.status}`);
  } catch (error) {
    // `fetch failed` alone does not say why: the reason is its cause.
    const isFetchFailure = error instanceof TypeError && error.cause instanceof Error;
    throw sourceUnavailable(source, url, isFetchFailure ? error.cause : error);
  }
}
