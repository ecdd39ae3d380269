// The platform's database over a fresh Postgres database, and a look behind its back.
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import type { ServiceName } from '#local/shared/topology.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { cloneTestDatabase, type TestDatabase } from '../../../support/postgres.ts';
import { type RecordedLog, recordLog } from './recorded-log.ts';

export const MIGRATIONS = fileURLToPath(new URL('../storage/migrations', import.meta.url));

/** A database with the platform's tables and `note`. */
export function createNoteDatabase(service: ServiceName = 'inventory'): Promise<TestDatabase> {
  return cloneTestDatabase(service, MIGRATIONS);
}

type Options = {
  readonly url: string;
  readonly size?: number;
  readonly timeoutMs?: number;
  readonly pooled?: boolean;
};

/** Opens a pool that is closed at the end of the test. */
export function openDatabase({
  size = 5,
  timeoutMs = 5_000,
  ...options
}: Options): AsyncDisposable & Database & RecordedLog {
  const recorded = recordLog('inventory');
  const database = createDatabase({ ...options, size, timeoutMs, log: recorded.log });
  return { ...recorded, ...database, [Symbol.asyncDispose]: database.close };
}

/** Runs one statement on a connection of its own. */
export async function ask<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** How many sessions a database has, without the one that asks, or how many of them are in a state like `active`. */
export async function countSessions({ superuserUrl, name }: TestDatabase, state?: string): Promise<number> {
  const text = `select count(*)::int as count from pg_stat_activity
    where datname = $1 and pid <> pg_backend_pid() and coalesce(state = $2, true)`;
  const [row] = await ask<{ count: number }>(superuserUrl, text, [name, state]);
  return row?.count ?? 0;
}

/** The stored notes, as `order_id`. */
export async function readNotes({ superuserUrl }: TestDatabase): Promise<string[]> {
  const rows = await ask<{ order_id: string }>(superuserUrl, 'select order_id from note order by order_id');
  return rows.map((row) => row.order_id);
}
