// When Postgres makes statistics of the tables that grow with each order.
import { expect, it } from 'vitest';
import type { ServiceName } from '#local/shared/topology.ts';
import { createTestDatabase } from '../../../support/postgres.ts';
import { ask } from '../support/open-database.ts';

const TABLES: [ServiceName, string][] = [
  ['order', 'orders'],
  ['payment', 'charge'],
  ['inventory', 'reservation'],
  ['notification', 'notification'],
];

it.each(TABLES)('%s has statistics of %s only after two thousand changes', async (service, table) => {
  await using database = await createTestDatabase(service);

  const [found] = await ask<{ options: string[] }>(
    database.superuserUrl,
    `select reloptions as options from pg_class where oid = '${table}'::regclass`,
  );

  // A vacuum counts the rows, too.
  expect(found?.options).toEqual(
    expect.arrayContaining(['autovacuum_analyze_threshold=2000', 'autovacuum_vacuum_threshold=2000']),
  );
});
