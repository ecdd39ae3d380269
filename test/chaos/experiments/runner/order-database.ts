// Access to the database of the order service, to simulate another clock or another version of the service.
import { Client } from 'pg';
import type { Platform } from './platform.ts';

const STATEMENT_LIMIT_MS = 5_000;

/** Runs statements one after the other and returns the rows of the last. */
export async function changeOrderDatabase(
  { stack }: Platform,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: stack.ownerDatabaseUrl('order'), query_timeout: STATEMENT_LIMIT_MS });
  try {
    await client.connect();
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}
