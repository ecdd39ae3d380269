// The migrations of a database at start: the platform's own tables first, then the service's.
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from '../observability/log.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const PLATFORM_MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

export type MigrateOptions = {
  /** A role that may create tables. */
  readonly databaseUrl: string;
  /** The folder of the service's `NNNN_name.sql` files. */
  readonly directory: string;
  readonly log?: Logger;
};

/** Applies the missing migrations, each file in a transaction of its own. Replicas that start together wait for each other. */
export async function migrate(options: MigrateOptions): Promise<void> {
  // The runner neither waits until a connection of its own is closed nor survives its loss, so it gets ours.
  const client = new pg.Client({ connectionString: options.databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', noop); // When the connection is lost, the running statement, or the next one, fails.
  try {
    await client.connect();
    await applyMigrations(client, options);
  } finally {
    await client.end();
  }
}

async function applyMigrations(client: pg.Client, options: MigrateOptions): Promise<void> {
  for (const [migrationsTable, dir] of [
    ['platform_migration', PLATFORM_MIGRATIONS],
    ['service_migration', options.directory],
  ] as const) {
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

// The runner's log repeats the log line above; its errors are thrown.
const noop = (): undefined => undefined;
