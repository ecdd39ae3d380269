// Access to Postgres: bounded pools, client-side time limits, and outages distinguished from wrong statements.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { DomainError, unavailable } from '../base/errors.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createDatabaseServers, type DatabaseServers, requirePrimary } from './database-servers.ts';
import { type Sql, type Statement, toStatement } from './sql.ts';
import { createStatementObserver, type ObserveStatement } from './statement-observer.ts';

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

const MAX_STALE_PLANS = 2;
// An idle session of the server keeps some megabytes of plans.
const IDLE_TIMEOUT_MS = 10_000;

export type Queryable = {
  /**
   * Runs one statement, built by `sql` or given as text with `$n` parameters.
   *
   * @throws {DomainError} `unavailable` DATABASE_UNAVAILABLE in an outage.
   */
  query<Row = Record<string, unknown>>(statement: string | Sql, values?: readonly unknown[]): Promise<Row[]>;
};

/** Runs statements between `begin` and `commit`. */
export type Transaction = Queryable & {
  /** Runs `hint` after the commit. A crash in between loses it, so nothing may depend on it. */
  afterCommit(hint: () => void): void;
};

export type Database = Queryable & {
  /**
   * Runs `work` between `begin` and `commit`; again, after a rollback, when a migration made a prepared statement stale.
   *
   * @throws what `work` throws, after a rollback; {DomainError} `unavailable` DATABASE_UNAVAILABLE in an outage.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Opens this many connections in advance, so that the first burst of calls need not wait for them. */
  warm(connections: number): Promise<void>;
  /** Waits for running statements and closes every connection. */
  close(): Promise<void>;
};

export type DatabaseOptions = {
  /** One server, or a primary and its standbys separated by commas. */
  readonly url: string;
  /** What the server shows of its connections. */
  readonly applicationName?: string;
  /**
   * Whether the url is that of a pooler in transaction mode. Then nothing is kept in a session: neither prepared statements nor time
   * limits, which the role's own settings have to set.
   */
  readonly pooled?: boolean;
  /** The maximum number of connections. */
  readonly size: number;
  /** The limit of the wait for a connection, and of each statement, in milliseconds. */
  readonly timeoutMs: number;
  readonly log: Logger;
  /** Where the pool, by this name, and its statements are counted. Default: nowhere. */
  readonly telemetry?: { readonly pool: string; readonly metrics: DatabaseMetrics };
};

type DatabaseMetrics = Pick<Metrics, 'databaseDuration' | 'observeConnections'>;

/** Creates a pool; connects at first use. */
export function createDatabase(options: DatabaseOptions): Database {
  const servers = createDatabaseServers(options.url);
  const pool = createPool(options, servers);
  const { telemetry, size } = options;
  const statements: Statements = {
    plans: options.pooled === true ? NO_PLANS : createPlanNames(),
    observe: createStatementObserver(servers.current, telemetry?.metrics.databaseDuration),
  };
  telemetry?.metrics.observeConnections(telemetry.pool, () => {
    const { idleCount: idle, totalCount, waitingCount: pending } = pool;
    return { used: totalCount - idle, idle, pending, max: size };
  });
  const connect = () => connectTo(pool, servers, options.timeoutMs);
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'));

  return {
    query: <Row>(statement: string | Sql, values: readonly unknown[] = []) =>
      withFreshPlans(async () => {
        const client = await connect();
        return await releasing(client, () => run<Row>(client, statements, statement, values));
      }),
    transaction: async (work) => {
      const { result, hints } = await withFreshPlans(async () => {
        const client = await connect();
        return await releasing(client, () => runTransaction(client, statements, work));
      });
      for (const hint of hints) runHint(hint, options.log);
      return result;
    },
    warm: async (connections) => {
      const opened = await Promise.allSettled(Array.from({ length: connections }, () => connect()));
      for (const result of opened) {
        if (result.status === 'fulfilled') result.value.release();
        else options.log.debug({ err: result.reason }, 'a connection could not be opened in advance');
      }
    },
    close: () => pool.end(),
  };
}

/** Whether an error means that the database cannot be reached or cannot serve now, rather than that the statement is wrong. */
export function isDatabaseOutage(error: unknown): boolean {
  if (error instanceof DomainError) return error.reason === 'DATABASE_UNAVAILABLE';
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    // Class 08 connection, 53 resources, 57 operator intervention (57014 is our own statement limit), 40 serialization and deadlock;
    // 25006 is the answer of a former primary that became a standby.
    return NETWORK_CODES.has(code) || code === '25006' || /^(08|53|57|40)[0-9A-Z]{3}$/.test(code);
  }
  return NETWORK_MESSAGES.test(error.message);
}

async function runTransaction<T>(
  client: pg.PoolClient,
  statements: Statements,
  work: (transaction: Transaction) => Promise<T>,
): Promise<{ readonly result: T; readonly hints: readonly (() => void)[] }> {
  const hints: (() => void)[] = [];
  let stalePlan: StalePlanError | undefined;
  const query = async <Row>(statement: string | Sql, values: readonly unknown[] = []) => {
    try {
      return await run<Row>(client, statements, statement, values);
    } catch (error) {
      if (error instanceof StalePlanError) stalePlan = error;
      throw error;
    }
  };
  await query('begin');
  try {
    const result = await work({ query, afterCommit: (hint) => hints.push(hint) });
    await query('commit');
    return { result, hints };
  } catch (error) {
    await rollBack(client, statements, error);
    throw stalePlan ?? error; // The work may have mapped it to another error.
  }
}

// The transaction is committed: a failing hint must not make the caller believe that it failed.
function runHint(hint: () => void, log: Logger): void {
  try {
    hint();
  } catch (error) {
    log.error({ err: error }, 'a hint after a commit failed');
  }
}

/**
 * Makes statements read by an index wherever one serves. The plan of a prepared statement that was made while a table was empty would be
 * to read all of it, and is kept while the table grows.
 */
export const PLANNER_OPTIONS = '-c enable_seqscan=off';

function createPool(options: DatabaseOptions, servers: DatabaseServers): pg.Pool {
  const sessionSettings = {
    statement_timeout: options.timeoutMs,
    idle_in_transaction_session_timeout: options.timeoutMs * 10,
    options: PLANNER_OPTIONS,
  };
  return new pg.Pool({
    // The pool knows one address: each connection asks for the current one.
    Client: class extends pg.Client {
      constructor(config: pg.ClientConfig) {
        super({ ...config, connectionString: servers.current() });
      }
    } as never,
    ...(servers.count === 1 ? {} : { onConnect: requirePrimary }),
    max: options.size,
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    ...(options.applicationName === undefined ? {} : { application_name: options.applicationName }),
    ...(options.pooled === true ? {} : sessionSettings),
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
  });
}

// Tries each server once, within the time of one connection.
async function connectTo(pool: pg.Pool, servers: DatabaseServers, timeoutMs: number): Promise<pg.PoolClient> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let tried = 1; ; tried += 1) {
    const server = servers.current();
    try {
      return await pool.connect();
    } catch (error) {
      if (!isPoolExhausted(error)) servers.moveOnFrom(server);
      // Whatever the reason is (it starts or stops, the password was changed), no statement ran, so a retry is safe and may succeed.
      if (tried >= servers.count || performance.now() >= giveUpAt) throw outage(error);
    }
  }
}

// All connections were in use: this says nothing about the server.
function isPoolExhausted(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect';
}

// A connection that broke during a statement is discarded: its state is unknown.
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

async function rollBack(client: pg.PoolClient, statements: Statements, cause: unknown): Promise<void> {
  if (isDatabaseOutage(cause)) return; // The server rolls back when the connection ends.
  await run(client, statements, 'rollback', []);
}

async function run<Row>(
  client: pg.PoolClient,
  { plans, observe }: Statements,
  statement: string | Sql,
  parameters: readonly unknown[],
): Promise<Row[]> {
  const { text, values }: Statement =
    typeof statement === 'string' ? { text: statement, values: parameters } : toStatement(statement);
  const name = values.length > 0 ? plans.nameOf(text) : undefined;
  try {
    const result = await observe(text, () =>
      client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) }),
    );
    return result.rows as Row[];
  } catch (error) {
    if (name === undefined || !isPlanStale(error)) throw mapOutage(error);
    plans.renew(name);
    throw new StalePlanError('the plan of a statement is stale', { cause: error });
  }
}

function mapOutage(error: unknown): unknown {
  if (error instanceof DomainError || !isDatabaseOutage(error)) return error;
  return outage(error);
}

function outage(cause: unknown): DomainError {
  return unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached now', cause });
}

/** How the statements of a pool are prepared and observed. */
type Statements = { readonly plans: PlanNames; readonly observe: ObserveStatement };

// The names of prepared statements. Statements are fixed texts in the stores, so the number of names is bounded by the code.
type PlanNames = {
  /** Undefined for a statement that is not to be prepared. */
  nameOf(text: string): string | undefined;
  /** Makes every connection prepare its statements again, unless that was done since the statement `name` was prepared. */
  renew(name: string): void;
};

const NO_PLANS: PlanNames = { nameOf: () => undefined, renew: () => undefined };

function createPlanNames(): PlanNames {
  const names = new Map<string, string>();
  let generation = 0;
  return {
    nameOf: (text) => {
      let name = names.get(text);
      if (name === undefined) {
        name = `${createHash('sha1').update(text).digest('base64url')}.${generation}`;
        names.set(text, name);
      }
      return name;
    },
    renew: (name) => {
      if (!name.endsWith(`.${generation}`)) return;
      generation += 1;
      names.clear();
    },
  };
}

// A statement was refused before it ran, because its prepared form no longer holds.
class StalePlanError extends Error {
  override readonly name = 'StalePlanError';
}

// A migration changed the type of the result, or the server no longer has the statement, as after `discard all` by a connection pooler.
function isPlanStale(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return code === '26000' || (code === '0A000' && error.message.includes('cached plan'));
}

// Twice at most: another migration may come in between. The statement did not run, and its transaction was rolled back.
async function withFreshPlans<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StalePlanError) || tries > MAX_STALE_PLANS) throw error;
    }
  }
}
