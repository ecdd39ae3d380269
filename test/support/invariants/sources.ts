// Where facts are looked up: one short connection a look, so that a look also works while parts come and go.
import { connect, type JetStreamClient, type JetStreamManager } from 'nats';
import { Client, type QueryResultRow } from 'pg';
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const READ_TIMEOUT_MS = 60_000;

/** A part of the platform did not let itself be looked at. The message holds no secret. */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable';
}

/** A part that could not be looked at; of its address only host and port are told. */
export function sourceUnavailable(part: string, url: string, cause: unknown): SourceUnavailable {
  const reason = scrubSecrets(describeError(cause));
  return new SourceUnavailable(`${part} at ${new URL(url).host} cannot be looked at: ${reason}`, { cause });
}

export type Query = <Row extends QueryResultRow>(text: string) => Promise<Row[]>;

/** Reads from one database, all of it as of one moment. Throws SourceUnavailable. */
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
  // A session that is lost also fails the statement that runs or comes next: that error is the one that is thrown.
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

/** Reads from the broker. Throws SourceUnavailable. */
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

/** Reads JSON over HTTP; undefined where there is no such page. Throws SourceUnavailable. */
export async function readJson(part: string, url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(READ_TIMEOUT_MS) });
    if (response.ok) return await response.json();
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw new Error(`it answered ${response.status}`);
  } catch (error) {
    // `fetch failed` says nothing; what failed is its cause.
    const isFetchFailure = error instanceof TypeError && error.cause instanceof Error;
    throw sourceUnavailable(part, url, isFetchFailure ? error.cause : error);
  }
}
