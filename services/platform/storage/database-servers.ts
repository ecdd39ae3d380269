// The servers of one database: which of them is tried for the next connection. Only a primary is used, because a standby refuses writes.

import pg from 'pg';
import { splitDatabaseUrl } from '../base/database-url.ts';
import { describeError } from '../base/errors.ts';
import { ConfigError } from '../base/settings.ts';

/** A server that answers, but only reads. */
class StandbyError extends Error {
  override readonly name = 'StandbyError';
}

export type DatabaseServers = {
  readonly count: number;
  /** The address of the server to connect to. */
  current(): string;
  /** Moves on to the next server, unless another call has done that since `url` was the current one. */
  moveOnFrom(url: string): void;
};

/**
 * Creates the list; the first server is the current one.
 *
 * @throws {TypeError} when `url` is not accepted by the setting `postgresUrl`.
 */
export function createDatabaseServers(url: string): DatabaseServers {
  const urls = splitDatabaseUrl(url);
  if (urls === undefined) throw new TypeError('not the address of a database');
  let index = 0;
  const current = (): string => urls[index % urls.length] ?? urls[0];
  return {
    count: urls.length,
    current,
    moveOnFrom: (failed) => {
      if (failed === current()) index += 1;
    },
  };
}

/** @throws {StandbyError} when a server refuses writes. */
export async function requirePrimary(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  if (rows[0]?.standby === true) throw new StandbyError('the server is a standby');
}

/** @throws {ConfigError} the address names a file that cannot be read. */
function createClient(options: pg.ClientConfig): pg.Client {
  try {
    return new pg.Client(options);
  } catch (error) {
    if (!(error instanceof Error && 'path' in error)) throw error;
    throw new ConfigError(
      `the address of the database names a file that cannot be read, by sslrootcert, sslcert, sslkey or TLS_CA_FILE: ${describeError(error)}`,
      { cause: error },
    );
  }
}

/**
 * Opens one connection to the primary. The caller ends it.
 *
 * @throws the error of the last server that was tried.
 */
export async function connectToPrimary(url: string, options: Omit<pg.ClientConfig, 'connectionString'>) {
  const servers = createDatabaseServers(url);
  for (let tried = 1; ; tried += 1) {
    const client = createClient({ ...options, connectionString: servers.current() });
    client.on('error', () => undefined); // When the connection is lost, the running statement, or the next one, fails.
    try {
      await client.connect();
      if (servers.count > 1) await requirePrimary(client);
      return client;
    } catch (error) {
      await client.end();
      servers.moveOnFrom(servers.current());
      if (tried >= servers.count) throw error;
    }
  }
}
