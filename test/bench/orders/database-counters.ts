// The counters of the database server: commits and statements of each database, and the bytes of its write-ahead log.
import { Client } from 'pg';
import type { StatementCounters } from './figures.ts';

/** Databases of one server: the URL of each by name, and that of the superuser. */
export type Databases = {
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly superuserUrl: string;
};

export type DatabaseCounters = {
  /** By database. */
  readonly commits: Readonly<Record<string, number>>;
  /** Undefined when pg_stat_statements is not loaded. */
  readonly statements: StatementCounters | undefined;
  readonly walBytes: number;
};

export type Durability = { readonly fsync: string; readonly synchronousCommit: string };

/** Reads all counters. */
export async function readDatabaseCounters(databases: Databases): Promise<DatabaseCounters> {
  return withSuperuser(databases, async (client) => {
    const commits = await client.query<{ datname: string; count: number }>(
      'select datname, xact_commit::float8 as count from pg_stat_database where datname is not null',
    );
    const wal = await client.query<{ bytes: number }>("select (pg_current_wal_lsn() - '0/0')::float8 as bytes");
    return {
      commits: byName(databases, commits.rows),
      statements: await readStatements(databases, client),
      walBytes: wal.rows[0]?.bytes ?? 0,
    };
  });
}

export async function readDurability(databases: Databases): Promise<Durability> {
  return withSuperuser(databases, async (client) => {
    const show = async (name: string): Promise<string> =>
      (await client.query<{ value: string }>('select current_setting($1) as value', [name])).rows[0]?.value ?? '';
    return { fsync: await show('fsync'), synchronousCommit: await show('synchronous_commit') };
  });
}

async function readStatements({ databaseUrls }: Databases, client: Client): Promise<StatementCounters | undefined> {
  const loaded = await client.query("select 1 from pg_extension where extname = 'pg_stat_statements'");
  if (loaded.rowCount === 0) return undefined;
  const { rows } = await client.query<{ datname: string; query: string; calls: number; ms: number }>(
    `select datname, query, sum(calls)::float8 as calls, sum(total_exec_time) as ms from pg_stat_statements
      join pg_database on pg_database.oid = dbid group by datname, query`,
  );
  const counters = { calls: {} as Record<string, number>, ms: {} as Record<string, number> };
  for (const [service, url] of Object.entries(databaseUrls)) {
    for (const { query, calls, ms } of rows.filter(({ datname }) => datname === databaseOf(url))) {
      const name = `${service}: ${query.replaceAll(/\s+/g, ' ').trim()}`;
      counters.calls[name] = (counters.calls[name] ?? 0) + calls;
      counters.ms[name] = (counters.ms[name] ?? 0) + ms;
    }
  }
  return counters;
}

function byName(
  { databaseUrls }: Databases,
  rows: readonly { readonly datname: string; readonly count: number }[],
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(databaseUrls).map(([name, url]) => {
      return [name, rows.find(({ datname }) => datname === databaseOf(url))?.count ?? 0];
    }),
  );
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

async function withSuperuser<Result>(
  { superuserUrl }: Databases,
  read: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({ connectionString: superuserUrl, application_name: 'bench' });
  await client.connect();
  try {
    return await read(client);
  } finally {
    await client.end();
  }
}
