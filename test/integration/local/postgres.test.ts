import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '#local/postgres/postgres.ts';
import { clearStaleLock } from '#local/postgres/postgres-lock.ts';
import { PortTakenError } from '#local/process/ports.ts';
import { createGuardedDirectory, type GuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { isAlive, isListening, startOwner } from './processes.ts';

const WITHIN = { timeout: 15_000, interval: 20 };
const options = { port: 0, password: 'a password/with?marks', durable: false, log: () => undefined };

describe('the embedded Postgres', () => {
  /** A cluster for the tests that need one, whatever is in it: creating one takes most of a second. Each leaves it without a server. */
  let dataDir: string;
  let folderOfCluster: GuardedDirectory;
  beforeAll(async () => {
    folderOfCluster = await createGuardedDirectory('touchstone-test');
    dataDir = join(folderOfCluster.path, 'data');
    await using _server = await startPostgres({ ...options, dataDir });
  });
  afterAll(() => folderOfCluster[Symbol.asyncDispose]());

  it('keeps its data when it is stopped and started', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'not', 'yet', 'there');
    {
      await using first = await startPostgres({ ...options, dataDir, durable: true });
      await query(first.superuserUrl, 'CREATE TABLE kept AS SELECT 7 AS number');
      await first.stop();
      expect([isAlive(first.pid), await isListening(first.port)]).toEqual([false, false]);
    }
    await using second = await startPostgres({ ...options, dataDir });

    expect(await query(second.superuserUrl, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
  });

  it('loses nothing that was committed when it is killed', async () => {
    let committed = 0;
    {
      await using first = await startPostgres({ ...options, dataDir, durable: true });
      await query(first.superuserUrl, 'CREATE TABLE written (number integer)');
      await using client = await connect(first.superuserUrl);
      const writing = (async () => {
        for (;;) {
          await client.query('INSERT INTO written VALUES ($1)', [committed + 1]);
          committed += 1;
        }
      })();
      await expect.poll(() => committed, WITHIN).toBeGreaterThan(200);
      process.kill(first.pid, 'SIGKILL');
      await expect(writing).rejects.toThrow();
    }
    await using second = await startPostgres({ ...options, dataDir, durable: true });

    const [row] = await query(
      second.superuserUrl,
      `SELECT count(*)::int AS rows FROM written WHERE number <= ${committed}`,
    );
    expect(row).toEqual({ rows: committed });
  });

  it('starts at once when the whole stack was killed a moment ago', async () => {
    await using owner = await startOwner<{ pid: number; port: number }>('postgres-owner', [dataDir, options.password]);
    await owner.kill();

    await using postgres = await startPostgres({ ...options, dataDir, port: owner.owned.port });

    expect(postgres.port).toBe(owner.owned.port);
    expect(isAlive(owner.owned.pid)).toBe(false);
  });

  it('does not outlive a parent that is killed', async () => {
    await using owner = await startOwner<{ pid: number; port: number }>('postgres-owner', [dataDir, options.password]);
    expect(await isListening(owner.owned.port)).toBe(true);

    await owner.kill();

    await expect.poll(() => isAlive(owner.owned.pid), WITHIN).toBe(false);
    await expect.poll(() => isListening(owner.owned.port), WITHIN).toBe(false);
  });

  it('answers a taken port with one line that names it, before it makes anything', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    await using other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const started = startPostgres({ ...options, dataDir, port });

    await expect(started).rejects.toThrow(PortTakenError);
    await expect(started).rejects.toThrow(
      new RegExp(`^port ${port} \\(Postgres\\) is already in use on 127\\.0\\.0\\.1$`),
    );
    expect(existsSync(dataDir)).toBe(false);
  });

  it('refuses a folder in which another one runs, and leaves that one alone', async () => {
    await using running = await startPostgres({ ...options, dataDir });

    await expect(startPostgres({ ...options, dataDir })).rejects.toThrow(
      `is already running in ${dataDir} (pid ${running.pid})`,
    );

    expect(await query(running.superuserUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('creates its cluster again when the first start was interrupted', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    await mkdir(`${dataDir}.draft/cluster`, { recursive: true });
    await writeFile(`${dataDir}.draft/cluster/PG_VERSION`, '18\n');

    await using postgres = await startPostgres({ ...options, dataDir });

    expect(await query(postgres.superuserUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await readdir(folder.path)).toEqual(['data']);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  });

  it('says what is wrong when its cluster cannot be made', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');

    // An empty password is refused by initdb.
    const started = startPostgres({ ...options, dataDir, password: '' });

    await expect(started).rejects.toThrow(/^initdb failed \(exit code 1\):\n.*password file.*is empty/s);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('says so when its data was created with another password', async () => {
    const log: string[] = [];

    const started = startPostgres({ ...options, dataDir, password: 'other', log: (line) => log.push(line) });

    await expect(started).rejects.toThrow('was created with another password');
    expect(log.at(-1)).toContain('database system is shut down');
  });

  it.each([
    [true, 'on'],
    [false, 'off'],
  ])(
    'listens on loopback alone, and with durable %s has fsync %s; a commit outlives a killed server either way',
    async (durable, expected) => {
      await using postgres = await startPostgres({ ...options, dataDir, durable });

      const rows = await query<{ name: string; setting: string }>(
        postgres.superuserUrl,
        `SELECT name, setting FROM pg_settings WHERE name = ANY (
         '{listen_addresses,unix_socket_directories,synchronous_commit,fsync,full_page_writes,max_connections}')`,
      );
      expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        synchronous_commit: 'on',
        fsync: expected,
        full_page_writes: expected,
        max_connections: '240',
      });
    },
  );
});

describe('the lock file of a Postgres that was killed', () => {
  it('is removed when its pid belongs to another program by now', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'postmaster.pid');
    const stranger = spawnGuarded('sleep', ['300'], { stdio: 'ignore' });
    await writeFile(file, `${stranger.pid}\n${folder.path}\n`);

    await clearStaleLock(folder.path);

    expect(existsSync(file)).toBe(false);
    expect(isAlive(stranger.pid ?? 0)).toBe(true);
    await stopGuarded(stranger);
  });
});

async function connect(connectionString: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString });
  // The tests look at the statements' own errors.
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function query<T extends object>(connectionString: string, statement: string): Promise<T[]> {
  await using client = await connect(connectionString);
  return (await client.query<T>(statement)).rows;
}
