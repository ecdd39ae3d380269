// The one way to Postgres: bounded pools, client-side time limits, and outages told apart from mistakes.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { DomainError, unavailable } from '../base/errors.ts';
import type { Logger } from '../observability/log.ts';
import { type Sql, type Statement, toStatement } from './sql.ts';

const RETRY_AFTER_MS = 1_000;
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const NETWORK_MESSAGES =
  /timeout|terminated|not queryable|connection (ended|closed)|Client was closed|Cannot use a pool/i;

/** Runs one statement, built by `sql` or given as text with `$n` parameters. Throws DomainError `unavailable` DATABASE_UNAVAILABLE in an outage. */
export type Queryable = {
  query<Row = Record<string, unknown>>(statement: string | Sql, values?: readonly unknown[]): Promise<Row[]>;
};

/** A statement runner inside `begin` and `commit`. */
export type Transaction = Queryable & {
  /** Has `work` done once this is committed; a crash in between loses it, so only hints belong here. */
  afterCommit(work: () => void): void;
};

export type Database = Queryable & {
  /** Runs `work` between begin and commit; rolls back when it throws. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Opens this many connections beforehand, so that the first burst of calls need not wait for them. */
  warm(connections: number): Promise<void>;
  /** Waits for running statements and closes every connection. */
  close(): Promise<void>;
};

export type DatabaseOptions = {
  readonly url: string;
  /** Connections at most. */
  readonly size: number;
  /** Limit of waiting for a connection, and of each statement, in milliseconds. */
  readonly timeoutMs: number;
  readonly log: Logger;
};

/** Opens a pool; connects at first use. */
export function createDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    statement_timeout: options.timeoutMs,
    idle_in_transaction_session_timeout: options.timeoutMs * 10,
    idleTimeoutMillis: 300_000,
    keepAlive: true,
  });
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'));

  return {
    query: async <Row>(statement: string | Sql, values: readonly unknown[] = []) => {
      const client = await connect(pool);
      return await releasing(client, () => run<Row>(client, statement, values));
    },
    transaction: async (work) => {
      const client = await connect(pool);
      const hints: (() => void)[] = [];
      const result = await releasing(client, async () => {
        await run(client, 'begin', []);
        try {
          const done = await work({
            query: (statement, values = []) => run(client, statement, values),
            afterCommit: (hint) => hints.push(hint),
          });
          await run(client, 'commit', []);
          return done;
        } catch (error) {
          await rollBack(client, error);
          throw error;
        }
      });
      for (const hint of hints) follow(hint, options.log);
      return result;
    },
    warm: async (connections) => {
      const opened = await Promise.allSettled(Array.from({ length: connections }, () => connect(pool)));
      for (const result of opened) {
        if (result.status === 'fulfilled') result.value.release();
        else options.log.debug({ err: result.reason }, 'a connection could not be opened beforehand');
      }
    },
    close: () => pool.end(),
  };
}

/** Whether an error says that the database cannot be reached or cannot serve now, rather than that the statement is wrong. */
export function isDatabaseOutage(error: unknown): boolean {
  if (error instanceof DomainError) return error.reason === 'DATABASE_UNAVAILABLE';
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    // Class 08 connection, 53 resources, 57 operator intervention (57014 is our own statement limit), 40 serialization and deadlock;
    // 25006 is what a primary says that became a standby.
    return NETWORK_CODES.has(code) || code === '25006' || /^(08|53|57|40)[0-9A-Z]{3}$/.test(code);
  }
  return NETWORK_MESSAGES.test(error.message);
}

// The transaction is committed: a hint that fails must not make its caller believe otherwise.
function follow(hint: () => void, log: Logger): void {
  try {
    hint();
  } catch (error) {
    log.error({ err: error }, 'what was to follow a commit failed');
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    // Whatever keeps us out (it starts, it stops, the password was changed), no statement was made and later may be better.
    throw outage(error);
  }
}

// A connection whose statement failed on the way is thrown away: its state is not known.
async function releasing<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  let broken = false;
  const onError = (): void => {
    broken = true;
  };
  client.on('error', onError);
  try {
    return await work();
  } catch (error) {
    broken ||= isDatabaseOutage(error);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

async function rollBack(client: pg.PoolClient, cause: unknown): Promise<void> {
  if (isDatabaseOutage(cause)) return; // The server rolls back when the connection ends.
  await run(client, 'rollback', []);
}

async function run<Row>(
  client: pg.PoolClient,
  statement: string | Sql,
  parameters: readonly unknown[],
): Promise<Row[]> {
  const { text, values }: Statement =
    typeof statement === 'string' ? { text: statement, values: parameters } : toStatement(statement);
  try {
    const result = await client.query({
      text,
      values: [...values],
      ...(values.length > 0 ? { name: statementName(text) } : {}),
    });
    return result.rows as Row[];
  } catch (error) {
    throw mapOutage(error);
  }
}

function mapOutage(error: unknown): unknown {
  if (error instanceof DomainError || !isDatabaseOutage(error)) return error;
  return outage(error);
}

function outage(cause: unknown): DomainError {
  return unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached now', retryAfterMs: RETRY_AFTER_MS, cause });
}

// Statements are fixed texts in the stores, so this map is as small as the code is.
const statementNames = new Map<string, string>();

function statementName(text: string): string {
  let name = statementNames.get(text);
  if (name === undefined) {
    name = createHash('sha1').update(text).digest('base64url');
    statementNames.set(text, name);
  }
  return name;
}
