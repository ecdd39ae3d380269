import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import type { TestProject } from 'vitest/node';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { cloneTestDatabase, requestServer, setup, type TestDatabase } from '../../support/postgres.ts';
import { isListening } from './processes.ts';

const CREATE_NOTES = 'CREATE TABLE note (text text NOT NULL);\n';

describe('a test database', () => {
  it("has the service's migrations and belongs to the service's role alone", async () => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    await using first = await cloneTestDatabase('order', migrations.path);
    await using second = await cloneTestDatabase('order', migrations.path);
    await query(first.databaseUrl, "INSERT INTO note VALUES ('first')");

    expect(await query(first.databaseUrl, 'SELECT text FROM note')).toEqual([{ text: 'first' }]);
    expect(await query(second.databaseUrl, 'SELECT text FROM note')).toEqual([]);
    expect(await query(second.superuserUrl, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'note'")).toEqual(
      [{ tableowner: 'shop_order' }],
    );
  });

  it("rejects connections of another service's role", async () => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    await using order = await cloneTestDatabase('order', migrations.path);
    await using payment = await cloneTestDatabase('payment', migrations.path);
    const intruder = new URL(payment.databaseUrl);
    intruder.pathname = `/${order.name}`;

    await expect(query(intruder.toString(), 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
  });

  it('ends all sessions at its disposal', async () => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    const database = await cloneTestDatabase('order', migrations.path);
    const session = new Client({ connectionString: database.databaseUrl });
    const ended = new Promise<Error>((resolve) => session.on('error', resolve));
    await session.connect();

    await database[Symbol.asyncDispose]();

    expect(await ended).toMatchObject({ message: expect.stringContaining('terminat') });
    await session.end();
  });

  it('that is used again has the rows of its migrations only, and its sequences start again', async () => {
    await using migrations = await createMigrations({
      '0001_notes.sql': `CREATE TABLE author (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, born timestamptz, photo bytea);
        CREATE TABLE note (author bigint NOT NULL REFERENCES author, size numeric, doubled numeric GENERATED ALWAYS AS (size * 2) STORED);
        INSERT INTO author (born, photo) VALUES ('1815-12-10 10:00:00.123456Z', '\\x00ff');
        INSERT INTO note VALUES (1, 1.50);\n`,
    });
    const everything = async ({ databaseUrl }: TestDatabase) => [
      await query(databaseUrl, 'SELECT id, born::text, photo::text FROM author'),
      await query(databaseUrl, 'SELECT author, size, doubled FROM note'),
      await query(databaseUrl, 'SELECT * FROM service_migration'),
    ];
    const first = await cloneTestDatabase('order', migrations.path);
    const pristine = await everything(first);
    await query(
      first.databaseUrl,
      "UPDATE author SET photo = 'x'; INSERT INTO author DEFAULT VALUES; DELETE FROM note",
    );
    await first[Symbol.asyncDispose]();

    await using second = await cloneTestDatabase('order', migrations.path);

    expect(second.name).toBe(first.name);
    expect(await everything(second)).toEqual(pristine);
    expect(await query(second.databaseUrl, 'INSERT INTO author DEFAULT VALUES RETURNING id')).toEqual([{ id: '2' }]);
  });

  it.each([
    ['a new table', 'CREATE TABLE another (id int)'],
    ['a new column', 'ALTER TABLE note ADD COLUMN author text'],
    ['a column without its rule', 'ALTER TABLE note ALTER COLUMN text DROP NOT NULL'],
    ['a new default', "ALTER TABLE note ALTER COLUMN text SET DEFAULT 'x'"],
    ['a new index', 'CREATE INDEX by_text ON note (text)'],
    ['a new check', "ALTER TABLE note ADD CHECK (text <> '')"],
    ['other permissions', 'REVOKE INSERT ON note FROM shop_order'],
    ['a new function', 'CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$'],
    [
      'another setting',
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
    ],
    ['two megabytes', "INSERT INTO note SELECT repeat('x', 1000) FROM generate_series(1, 2000)"],
  ])('is dropped at its disposal, not used again, with %s', async (_change, statement) => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    const database = await cloneTestDatabase('order', migrations.path);
    await query(database.databaseUrl, statement);

    await database[Symbol.asyncDispose]();

    await expect(query(database.databaseUrl, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });

  it('follows its migrations when they change', async () => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    await using before = await cloneTestDatabase('order', migrations.path);
    await writeFile(join(migrations.path, '0002_authors.sql'), 'ALTER TABLE note ADD COLUMN author text;\n');
    await using after = await cloneTestDatabase('order', migrations.path);

    await expect(query(before.databaseUrl, 'SELECT author FROM note')).rejects.toMatchObject({ code: '42703' });
    expect(await query(after.databaseUrl, 'SELECT author FROM note')).toEqual([]);
  });

  it('is created although an earlier migration failed', async () => {
    await using migrations = await createMigrations({
      '0001_notes.sql': CREATE_NOTES,
      '0002_broken.sql': 'CREATE TABEL x;',
    });
    await expect(cloneTestDatabase('inventory', migrations.path)).rejects.toThrow('TABEL');
    await expect(cloneTestDatabase('inventory', migrations.path)).rejects.toThrow('TABEL');
    await rm(join(migrations.path, '0002_broken.sql'));

    await using repaired = await cloneTestDatabase('inventory', migrations.path);

    expect(await query(repaired.databaseUrl, 'SELECT text FROM note')).toEqual([]);
  });

  it('is migrated once for concurrent callers', async () => {
    await using migrations = await createMigrations({
      '0001_notes.sql': `${CREATE_NOTES}INSERT INTO note SELECT pg_backend_pid()::text || clock_timestamp();\n`,
    });
    await using resources = new AsyncDisposableStack();

    const databases = await Promise.all(Array.from({ length: 8 }, () => cloneTestDatabase('payment', migrations.path)));
    databases.push(await cloneTestDatabase('payment', migrations.path));
    for (const database of databases) resources.use(database);

    const notes = await Promise.all(databases.map(({ databaseUrl }) => query(databaseUrl, 'SELECT text FROM note')));
    expect(new Set(databases.map(({ name }) => name)).size).toBe(9);
    expect(new Set(notes.map((rows) => JSON.stringify(rows))).size).toBe(1);
  });
});

describe("a run's Postgres", () => {
  it('is not shared with another run, and ends with it', async () => {
    const [first, second] = await Promise.all([startRun(), startRun()]);
    const [firstUrl, secondUrl] = await Promise.all([requestServer(first.socket), requestServer(second.socket)]);
    expect(firstUrl).not.toBe(secondUrl);
    expect(await requestServer(first.socket)).toBe(firstUrl);

    await first.teardown();

    expect(await isListening(Number(new URL(firstUrl).port))).toBe(false);
    expect(existsSync(first.socket)).toBe(false);
    expect(await query(secondUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.teardown();
    expect(await isListening(Number(new URL(secondUrl).port))).toBe(false);
  });

  it('starts at first use only, and only once', async () => {
    const run = await startRun();

    const urls = await Promise.all([requestServer(run.socket), requestServer(run.socket)]);

    expect(urls[0]).toBe(urls[1]);
    expect(
      await query(urls[0]!, "SELECT count(*)::int AS templates FROM pg_database WHERE datname ~ '^template_'"),
    ).toEqual([{ templates: 0 }]);
    await run.teardown();
  });
});

/** What vitest does with a globalSetup, for a run beside this one. */
async function startRun(): Promise<{ socket: string; teardown: () => Promise<void> }> {
  let socket = '';
  const project = {
    provide: (_name: string, value: string) => {
      socket = value;
    },
  };
  const teardown = await setup(project as unknown as TestProject);
  return { socket, teardown };
}

async function createMigrations(files: Record<string, string>): Promise<{ path: string } & AsyncDisposable> {
  const folder = await createGuardedDirectory('touchstone-test');
  const path = join(folder.path, 'migrations');
  await mkdir(path);
  // The folder's own name makes the template its own too: tests share none.
  const marked = Object.entries(files).map(([name, text]) => writeFile(join(path, name), `-- ${folder.path}\n${text}`));
  await Promise.all(marked);
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function query(connectionString: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
