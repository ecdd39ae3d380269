// Brings a database up to date at start: the platform's own tables first, then the service's.
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { Logger } from './log.ts';

const PLATFORM_MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

export type MigrateOptions = {
  /** A role that may create tables. */
  readonly databaseUrl: string;
  /** The folder of the service's `NNNN_name.sql` files. */
  readonly directory: string;
  readonly log?: Logger;
};

/** Applies what is missing, each folder in one transaction a file. Replicas that start together wait for one another. */
export async function migrate(options: MigrateOptions): Promise<void> {
  for (const [migrationsTable, dir] of [
    ['platform_migration', PLATFORM_MIGRATIONS],
    ['service_migration', options.directory],
  ] as const) {
    const applied = await runner({
      databaseUrl: { connectionString: options.databaseUrl, connectionTimeoutMillis: 5_000 },
      dir,
      migrationsTable,
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: { debug: noop, info: noop, warn: noop, error: noop },
    });
    for (const migration of applied) options.log?.info({ migration: migration.name }, 'migration applied');
  }
}

// The runner's chatter repeats what the log line above says; its errors are thrown.
const noop = (): undefined => undefined;
