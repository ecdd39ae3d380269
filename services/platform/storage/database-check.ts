// What a replica needs of its database server, checked at start: enough connections, and no pooler that it was not told of.
import type pg from 'pg';
import { pause } from '../base/backoff.ts';
import type { Database } from './database.ts';
import { connectToPrimary } from './database-servers.ts';
import { sql } from './sql.ts';

// Replicas that are just ending still hold theirs.
const PATIENCE_MS = 5_000;
const POLL_MS = 250;
const CONNECT_TIMEOUT_MS = 5_000;

/** The name of a connection that says how many its replica may open; other roles may read it. */
export function declareConnections(service: string, connections: number): string {
  return `${service} (${connections} connections)`;
}

export type DatabaseNeeds = {
  readonly url: string;
  /** A pool whose connections are named by `declareConnections`. */
  readonly declared: Pick<Database, 'query'>;
  readonly connections: number;
  /** Whether the url is that of a pooler. */
  readonly pooled: boolean;
  /** How long to wait for the connections of replicas that are ending. Default 5,000. */
  readonly patienceMs?: number;
};

/** @throws {Error} saying which setting to change, and how. */
export async function checkDatabase(needs: DatabaseNeeds): Promise<void> {
  const { url, declared, connections, pooled, patienceMs = PATIENCE_MS } = needs;
  if (pooled) return; // The pooler decides on connections, and hides whose they are.
  await requireDirect(url);
  const timeout = AbortSignal.timeout(patienceMs);
  for (;;) {
    const demand = await readDemand(declared);
    const fault = findShortage(connections, demand);
    if (fault === undefined) return;
    if (timeout.aborted || connections > demand.available) throw new Error(fault);
    await pause(POLL_MS, timeout);
  }
}

async function requireDirect(url: string): Promise<void> {
  const client = await connectToPrimary(url, { connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  try {
    if (await isPooled(client))
      throw new Error('the database is behind a connection pooler: set DATABASE_POOLER to transaction');
  } finally {
    await client.end();
  }
}

/** Whether a pooler is between a client and the server: its session's process is not the one that it was told of. */
export async function isPooled(client: Pick<pg.ClientBase, 'query'>): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid !== (client as { processID?: number | null }).processID;
}

export type ConnectionDemand = {
  /** How many connections the server has for services. */
  readonly available: number;
  /** How many all replicas on it may open, and other clients have open. */
  readonly needed: number;
  /** The same of this service's role; -1 is no limit. */
  readonly roleLimit: number;
  readonly neededByRole: number;
};

/** Returns what a server lacks for all its replicas; undefined when it has enough connections. */
export function findShortage(own: number, demand: ConnectionDemand): string | undefined {
  const { available, needed, roleLimit, neededByRole } = demand;
  const remedy = 'or lower DATABASE_CONNECTIONS';
  if (needed > available)
    return `the database server allows ${available} connections, and ${needed} are needed: ${own} by this replica and ${
      needed - own
    } by others. Raise its max_connections, ${remedy}`;
  if (roleLimit >= 0 && neededByRole > roleLimit)
    return `the database role is allowed ${roleLimit} connections, and its replicas need ${neededByRole}: ${own} of them this one. Raise its CONNECTION LIMIT, ${remedy}`;
  return undefined;
}

async function readDemand(declared: Pick<Database, 'query'>): Promise<ConnectionDemand> {
  const [row] = await declared.query<ConnectionDemand>(sql`
    with open as (
      select usesysid, substring(application_name from '\\((\\d+) connections\\)$')::int as declared
      from pg_stat_activity where datid is not null and usesysid is not null
    )
    select
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) as available,
      (select coalesce(sum(declared), 0) from open)::int
        + (select count(*) from open where usesysid not in (select usesysid from open where declared is not null))::int
        as needed,
      (select rolconnlimit from pg_roles where rolname = current_user) as "roleLimit",
      (select coalesce(sum(declared), 0) from open where usesysid = current_user::regrole::oid)::int as "neededByRole"`);
  if (row === undefined) throw new Error('the database server does not say how many connections it has');
  return row;
}
