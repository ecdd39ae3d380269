// The readers of the sources of facts. Each read opens its own short connection, so it works while processes are restarted.
import { connect, type JetStreamClient, type JetStreamManager } from 'nats';
import type { QueryResultRow } from 'pg';
import { splitDatabaseUrl } from '#services/platform/base/database-url.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { parseBrokerUrl } from '#services/platform/messaging/broker-url.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import { connectToPrimary } from '#services/platform/storage/database-servers.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 60_000;

/** A source of facts cannot be read. The message holds no secret. */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable';
}

/** Builds the error of a source that cannot be read. Its message has only host and port of the URL: the rest may be secret. */
export function sourceUnavailable(source: string, url: string, cause: unknown): SourceUnavailable {
  return unavailableAt(source, new URL(url).host, cause);
}

function unavailableAt(source: string, host: string, cause: unknown): SourceUnavailable {
  const reason = scrubSecrets(describeError(cause));
  return new SourceUnavailable(`${source} at ${host} cannot be read: ${reason}`, { cause });
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
  const hosts = (splitDatabaseUrl(url) ?? []).map((server) => new URL(server).host).join(', ');
  try {
    const client = await connectToPrimary(url, {
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: READ_TIMEOUT_MS,
      application_name: 'invariants',
    });
    try {
      await client.query('begin transaction isolation level repeatable read read only');
      return await read(async <Row extends QueryResultRow>(text: string) => (await client.query<Row>(text)).rows);
    } finally {
      await client.end();
    }
  } catch (error) {
    throw unavailableAt(`the database of ${service}`, hosts, error);
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
  const { servers, login } = parseBrokerUrl(url);
  try {
    const connection = await connect({
      servers: [...servers],
      name: 'invariants',
      reconnect: false,
      timeout: CONNECT_TIMEOUT_MS,
      ...login,
    });
    try {
      const manager = await connection.jetstreamManager({ timeout: CONNECT_TIMEOUT_MS });
      return await read({ jetstream: connection.jetstream({ timeout: CONNECT_TIMEOUT_MS }), manager });
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw unavailableAt('the broker', servers.join(', '), error);
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
