// The database of the order service in an experiment's hands: to do there what another clock or another version would do.
import { Client } from 'pg';
import type { Platform } from './platform.ts';

const STATEMENT_LIMIT_MS = 5_000;

/** Runs statements one after the other; returns the rows of the last. Throws what Postgres says. */
export async function changeOrderDatabase(
  { stack }: Platform,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: stack.databaseUrl('order'), query_timeout: STATEMENT_LIMIT_MS });
  try {
    await client.connect();
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}
