// The migrations of a database at start: the platform's own tables first, then the service's. They are made by the role that owns the tables;
// the service's own role may only read and write rows.
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { type Client, escapeIdentifier } from 'pg';
import type { Logger } from '../observability/log.ts';
import { isPooled } from './database-check.ts';
import { connectToPrimary, createDatabaseServers } from './database-servers.ts';

const CONNECT_TIMEOUT_MS = 5_000;
// An arbitrary advisory lock key: concurrent grants on one table fail in Postgres.
const GRANT_LOCK_KEY = 5_114_870_233;
const PLATFORM_MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

export type MigrateOptions = {
  /** The service's own role. */
  readonly databaseUrl: string;
  /** A role that may create tables, and will own them. Default: the service's own. */
  readonly migrationDatabaseUrl?: string | undefined;
  /** The folder of the service's `NNNN_name.sql` files. */
  readonly directory: string;
  readonly log?: Logger;
};

/** Applies the missing migrations, each file in a transaction of its own. Replicas that start together wait for each other. */
export async function migrate(options: MigrateOptions): Promise<void> {
  // The runner neither waits until a connection of its own is closed nor survives its loss, so it gets ours.
  const { databaseUrl, migrationDatabaseUrl = databaseUrl } = options;
  const client = await connectToPrimary(migrationDatabaseUrl, { connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  try {
    if (!(await mayMigrate(client))) return await assertMigrated(client, options.directory);
    // Replicas that migrate at the same time wait for a lock of the session.
    if (await isPooled(client))
      throw new Error(
        `migrations need a connection to the database server itself, not to a pooler: set the *_MIGRATION_DATABASE_URL`,
      );
    await applyMigrations(client, options);
    const [owner, role] = [migrationDatabaseUrl, databaseUrl].map((url) => {
      const server = createDatabaseServers(url).current();
      return decodeURIComponent(new URL(server).username);
    });
    if (role !== undefined && role !== '' && role !== owner) await grantRows(client, role);
  } finally {
    await client.end();
  }
}

async function mayMigrate(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "select has_schema_privilege(current_user, 'public', 'create') as may",
  );
  return rows[0]?.may ?? false;
}

/** For a replica that has the service's own role alone, beside one that migrates. */
async function assertMigrated(client: Client, directory: string): Promise<void> {
  for (const [migrationsTable, dir] of foldersOf(directory)) {
    const files = (await readdir(dir)).filter((name) => name.endsWith('.sql')).map((name) => name.slice(0, -4));
    const { rows: tables } = await client.query('select where to_regclass($1) is not null', [migrationsTable]);
    const { rows } =
      tables.length === 0 ? { rows: [] } : await client.query<{ name: string }>(`select name from ${migrationsTable}`);
    const missing = files.sort().filter((file) => !rows.some(({ name }) => name === file));
    if (missing.length > 0)
      throw new Error(`the database lacks ${missing.join(', ')}, and this role may not migrate it`);
  }
}

function foldersOf(directory: string) {
  return [
    ['platform_migration', PLATFORM_MIGRATIONS],
    ['service_migration', directory],
  ] as const;
}

async function applyMigrations(client: Client, options: MigrateOptions): Promise<void> {
  for (const [migrationsTable, dir] of foldersOf(options.directory)) {
    const applied = await runner({
      dbClient: client,
      dir,
      migrationsTable,
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: { debug: noop, info: noop, warn: noop, error: noop },
    });
    for (const migration of applied) options.log?.info({ migration: migration.name }, 'migration applied');
  }
}

/** Lets the service's role read and write the rows of every table, present and future, and only read what was migrated. */
async function grantRows(client: Client, role: string): Promise<void> {
  const name = escapeIdentifier(role);
  const rows = 'select, insert, update, delete, truncate on';
  await client.query('begin');
  await client.query('select pg_advisory_xact_lock($1)', [GRANT_LOCK_KEY]);
  await client.query(`alter default privileges in schema public grant ${rows} tables to ${name}`);
  await client.query(`alter default privileges in schema public grant usage, select on sequences to ${name}`);
  await client.query(`grant ${rows} all tables in schema public to ${name}`);
  await client.query(`grant usage, select on all sequences in schema public to ${name}`);
  await client.query(`revoke insert, update, delete, truncate on platform_migration, service_migration from ${name}`);
  await client.query('commit');
}

// The runner's log repeats the log line above; its errors are thrown.
const noop = (): undefined => undefined;
