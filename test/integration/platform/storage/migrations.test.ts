import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isDatabaseOutage } from '#services/platform/storage/database.ts';
import { migrate } from '#services/platform/storage/migrations.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { startGate } from '../support/gate.ts';
import { ask, countSessions, createNoteDatabase, MIGRATIONS } from '../support/open-database.ts';
import { recordLog } from '../support/recorded-log.ts';

const SOON = { timeout: 10_000, interval: 50 };

/** A database with nothing in it. */
async function createBlankDatabase(): Promise<TestDatabase> {
  const database = await createNoteDatabase();
  await ask(database.superuserUrl, 'drop schema public cascade; create schema public authorization shop_inventory');
  return database;
}

async function readTables({ superuserUrl }: TestDatabase): Promise<string[]> {
  const rows = await ask<{ tablename: string }>(
    superuserUrl,
    "select tablename from pg_tables where schemaname = 'public'",
  );
  return rows.map((row) => row.tablename).sort();
}

/** A folder of migrations that is removed at the end of the test. */
async function createFolder(files: Record<string, string>): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'touchstone-migrations-'));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(path, name), sql);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const everyTable = [
  'dead_letter',
  'event_failure',
  'inbox',
  'note',
  'outbox',
  'platform_migration',
  'service_migration',
];

it("makes the platform's tables and the service's, and says which migrations it applied", async () => {
  await using database = await createBlankDatabase();
  const { log, lines } = recordLog('inventory');

  await migrate({ databaseUrl: database.databaseUrl, directory: MIGRATIONS, log });

  expect(await readTables(database)).toEqual(everyTable);
  expect(lines.map((line) => line.migration)).toEqual(['0001_messaging', '0002_indexes', '0001_note']);
});

it('applies nothing twice', async () => {
  await using database = await createBlankDatabase();
  const { log, lines } = recordLog('inventory');
  const options = { databaseUrl: database.databaseUrl, directory: MIGRATIONS, log };
  await migrate(options);
  lines.length = 0;

  await migrate(options);

  expect(lines).toEqual([]);
});

it('is done once by many replicas that start together', async () => {
  await using database = await createBlankDatabase();
  const { log, lines } = recordLog('inventory');

  await Promise.all(
    Array.from({ length: 5 }, () => migrate({ databaseUrl: database.databaseUrl, directory: MIGRATIONS, log })),
  );

  expect(lines.map((line) => line.migration).sort()).toEqual(['0001_messaging', '0001_note', '0002_indexes']);
  await expect.poll(() => countSessions(database)).toBe(0);
});

it('applies nothing of a file with a mistake in it, keeps what came before, and continues once it is fixed', async () => {
  await using database = await createBlankDatabase();
  await using folder = await createFolder({
    '0001_good.sql': 'create table good (id int);',
    '0002_bad.sql': 'create table bad (id int); create tabel worse (id int);',
  });
  const options = { databaseUrl: database.databaseUrl, directory: folder.path };
  const { log, lines } = recordLog('inventory');

  await expect(migrate(options)).rejects.toThrow(/syntax error/);
  expect(await readTables(database)).toEqual(expect.not.arrayContaining(['bad']));
  await expect.poll(() => countSessions(database)).toBe(0);
  await writeFile(join(folder.path, '0002_bad.sql'), 'create table bad (id int);');
  await migrate({ ...options, log });

  expect(await readTables(database)).toEqual(expect.arrayContaining(['bad', 'good']));
  expect(lines.map((line) => line.migration)).toEqual(['0002_bad']);
});

it('fails with an outage when its connection is killed on the way', async () => {
  await using database = await createBlankDatabase();
  await using folder = await createFolder({ '0001_slow.sql': 'create table slow (id int); select pg_sleep(20);' });
  const migrating = migrate({ databaseUrl: database.databaseUrl, directory: folder.path }).catch(
    (thrown: unknown) => thrown,
  );
  // The platform's own migrations come first, on the same connection: the slow one is what is to be hit.
  const slow = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
    and query like '%pg_sleep(20)%'`;
  await expect.poll(() => ask(database.superuserUrl, `select pid ${slow}`), SOON).toHaveLength(1);

  await ask(database.superuserUrl, `select pg_terminate_backend(pid) ${slow}`);

  expect(isDatabaseOutage(await migrating)).toBe(true);
  expect(await readTables(database)).not.toContain('slow');
});

it('fails with an outage, and leaves nothing open, when the database is unreachable', async () => {
  await using database = await createBlankDatabase();
  await using gate = await startGate(database.databaseUrl);
  gate.shut();

  const error: unknown = await migrate({
    databaseUrl: gate.url,
    directory: MIGRATIONS,
  }).catch((thrown: unknown) => thrown);

  expect(isDatabaseOutage(error)).toBe(true);
  expect(await readTables(database)).toEqual([]);
});
