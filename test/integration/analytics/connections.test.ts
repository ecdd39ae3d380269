// The connections of analytics to its database, which has a pool more than other services: that of the sums.
import { expect, it } from 'vitest';
import { noPgbouncer, startPgbouncer } from '../../support/cluster/pgbouncer.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { readSummary, startAnalyticsService } from '../../support/services/analytics.ts';
import { ask } from '../platform/support/open-database.ts';

// The pool of the health checks, which is not among the metrics.
const HEALTH_CONNECTIONS = 1;

it('are as many as it declares to other replicas, those of the sums included', async () => {
  await using database = await createTestDatabase('analytics');
  await using nats = await startTestNats();
  await using analytics = await startAnalyticsService({
    ANALYTICS_DATABASE_URL: database.databaseUrl,
    DATABASE_CONNECTIONS: '12',
    NATS_URL: nats.url('analytics'),
  });

  const metrics = await (await fetch(`${analytics.url}/metrics`)).text();
  const declared = await ask<{ name: string }>(
    database.superuserUrl,
    `select distinct application_name as name from pg_stat_activity
     where datname = current_database() and application_name like '%connections)'`,
  );

  const sizes = [...metrics.matchAll(/^db_client_connection_max\{.*\} (\d+)$/gm)].map(([, size]) => Number(size));
  expect(sizes.reduce((sum, size) => sum + size, HEALTH_CONNECTIONS)).toBe(12);
  expect(declared).toEqual([{ name: 'analytics (12 connections)' }]);
});

it('go through a pooler in transaction mode where the settings name one', async ({ skip }) => {
  skip(noPgbouncer !== undefined, noPgbouncer);
  await using database = await createTestDatabase('analytics');
  await using nats = await startTestNats();
  await using pooler = await startPgbouncer([database.databaseUrl], 4);
  await using analytics = await startAnalyticsService({
    ANALYTICS_DATABASE_URL: pooler.through(database.databaseUrl),
    ANALYTICS_MIGRATION_DATABASE_URL: database.databaseUrl,
    DATABASE_POOLER: 'transaction',
    NATS_URL: nats.url('analytics'),
  });

  expect(await readSummary(analytics.client)).toMatchObject({ ordersCreated: 0n, rebuilding: false });
});
