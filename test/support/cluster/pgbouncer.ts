// A PgBouncer in transaction mode before a test's database, on loopback.
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findDatabaseAccount } from '#local/postgres/postgres-account.ts';
import { awaitReadiness } from '#local/process/server-output.ts';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { choosePorts } from './choose-ports.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** Why there is none; undefined where Debian's package is installed. */
export const noPgbouncer = existsSync(PROGRAM) ? undefined : `${PROGRAM} is not installed: apt-get install pgbouncer`;

export type Pgbouncer = AsyncDisposable & {
  /** The address of a database through the pooler. */
  through(databaseUrl: string): string;
};

/** Starts one with `size` connections a database and role, to the server of these addresses. */
export async function startPgbouncer(databaseUrls: readonly string[], size: number): Promise<Pgbouncer> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-pgbouncer'));
  await chmod(folder.path, 0o711);
  const account = await findDatabaseAccount([PROGRAM, folder.path]);
  const [port = 0] = await choosePorts('pgbouncer', 1);
  const [users, settings] = ['users.txt', 'pgbouncer.ini'].map((name) => join(folder.path, name)) as [string, string];
  const urls = databaseUrls.map((url) => new URL(url));
  const logins = urls.map(({ username, password }) => `"${username}" "${decodeURIComponent(password)}"`);
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${urls[0]?.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'pool_mode = transaction',
    `default_pool_size = ${size}`,
    'max_client_conn = 200',
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
  ];
  for (const [file, text] of [
    [users, logins.join('\n')],
    [settings, lines.join('\n')],
  ] as const) {
    await writeFile(file, `${text}\n`, { mode: 0o600 });
    await account.own(file);
  }
  const { command, args, options } = account.invoke(PROGRAM, [settings]);
  const process = spawnGuarded(command, args, { ...options, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  // SIGINT would wait for its clients.
  resources.defer(() => stopGuarded(process, { signal: 'SIGTERM' }));
  if (process.stderr === null) throw new Error('pgbouncer has no output');
  await awaitReadiness({
    name: 'pgbouncer',
    process,
    output: process.stderr,
    log: () => undefined,
    isReady: (line) => line.includes('process up'),
    timeoutMs: 20_000,
  });
  const kept = resources.move();
  return {
    through: (databaseUrl) => databaseUrl.replace(/:\d+\/(?=[^/]*$)/, `:${port}/`),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
