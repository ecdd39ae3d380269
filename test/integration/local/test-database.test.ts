import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import type { TestProject } from 'vitest/node';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { cloneTestDatabase, requestServer, setup } from '../../support/postgres.ts';
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

  it('is dropped at its disposal although a session is connected', async () => {
    await using migrations = await createMigrations({ '0001_notes.sql': CREATE_NOTES });
    const database = await cloneTestDatabase('order', migrations.path);
    const session = new Client({ connectionString: database.databaseUrl });
    const ended = new Promise<Error>((resolve) => session.on('error', resolve));
    await session.connect();

    await database[Symbol.asyncDispose]();

    expect(await ended).toMatchObject({ message: expect.stringContaining('terminat') });
    await session.end();
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
