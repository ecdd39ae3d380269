// One Postgres per test run, started at first use, and an empty migrated database per call. The process that vitest runs its
// globalSetup in owns the server, so that it survives the workers; they ask for it over a socket in a private folder.
import { createHash, randomBytes } from 'node:crypto';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { type Postgres, startPostgres } from '#local/postgres/postgres.ts';
import {
  asSuperuser,
  closeDatabases,
  createServiceRole,
  serviceDatabaseName,
  serviceDatabaseUrl,
} from '#local/postgres/service-database.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { derivePasswords } from '#local/shared/secrets.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { migrate } from '#services/platform/storage/migrations.ts';
import { dropStatement, type Pristine, readPristine, restorePristine } from './database-pool.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The socket that returns the superuser's connection string to the run's Postgres. */
    readonly testPostgresSocket: string;
  }
}

export type TestDatabase = AsyncDisposable & {
  /** Connects the service's own role, which owns the database. */
  readonly databaseUrl: string;
  /** Connects the superuser to the same database, for data that a test writes or reads directly. */
  readonly superuserUrl: string;
  readonly name: string;
};

/** For vitest's globalSetup: provides a Postgres to the run's tests. Returns the teardown that removes it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const resources = new AsyncDisposableStack();
  const socketFolder = resources.use(await createGuardedDirectory('touchstone-test'));
  // The server's account must be able to traverse this folder; its name is random, and the data has stricter permissions.
  const dataFolder = resources.use(await createGuardedDirectory('touchstone-test-postgres'));
  await chmod(dataFolder.path, 0o711);

  let started: Promise<Postgres> | undefined;
  const output: string[] = [];
  const start = async () => {
    const postgres = await startPostgres({
      dataDir: join(dataFolder.path, 'data'),
      port: 0,
      password: randomBytes(24).toString('base64url'),
      log: (line) => output.push(line),
      durable: false,
    });
    resources.use(postgres);
    return postgres;
  };
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    socket.on('error', (error) => output.push(`a worker went away: ${error.message}`));
    try {
      started ??= start();
      socket.end(JSON.stringify({ superuserUrl: (await started).superuserUrl }));
    } catch (error) {
      socket.end(JSON.stringify({ failure: String(error) }));
    }
  });
  const path = join(socketFolder.path, 'postgres.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  resources.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  project.provide('testPostgresSocket', path);
  return async () => {
    // A worker may have died during the start: the server joins the resources only after it has started.
    await Promise.allSettled([started]);
    await resources.disposeAsync();
  };
}

/**
 * Returns a database for a test, with the service's migrations applied and nothing else in it. The service's role owns it and is the
 * only one that can connect. Its disposal ends all sessions on it.
 */
export async function createTestDatabase(service: ServiceName): Promise<TestDatabase> {
  const directory = fileURLToPath(new URL(`../../services/${service}/migrations`, import.meta.url));
  return cloneTestDatabase(service, directory);
}

/** The databases that earlier tests of this worker used, by their template. */
const free = new Map<string, PooledDatabase[]>();

type PooledDatabase = Omit<TestDatabase, keyof AsyncDisposable> & { readonly pristine: Pristine };

/** Like createTestDatabase, with the migrations of another directory. */
export async function cloneTestDatabase(service: ServiceName, migrationsDirectory: string): Promise<TestDatabase> {
  const serverUrl = await requestServer(inject('testPostgresSocket'));
  const key = `${serverUrl} ${service} ${await hashDirectory(migrationsDirectory)}`;
  const pooled = free.get(key)?.pop() ?? (await createDatabase(serverUrl, service, migrationsDirectory));
  const { pristine, ...database } = pooled;
  const release = async (): Promise<void> => {
    if (await restorePristine(database.superuserUrl, pristine)) free.set(key, [...(free.get(key) ?? []), pooled]);
    else await asSuperuser(serverUrl, (client) => client.query(dropStatement(database.name)));
  };
  let released: Promise<void> | undefined;
  return {
    ...database,
    [Symbol.asyncDispose]() {
      released ??= release();
      return released;
    },
  };
}

/** Clones the template of these migrations. */
async function createDatabase(
  serverUrl: string,
  service: ServiceName,
  migrationsDirectory: string,
): Promise<PooledDatabase> {
  const role = serviceDatabaseName(service);
  const password = derivePasswords(serverUrl)(service);
  const urlOf = (database: string) => serviceDatabaseUrl(serverUrl, { role, password, database });
  const name = `test_${service}_${randomBytes(6).toString('hex')}`;

  const template = await ensureTemplate({ serverUrl, service, password, urlOf, migrationsDirectory });
  await asSuperuser(serverUrl, async (client) => {
    await client.query(
      `CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${escapeIdentifier(template)}
       OWNER ${escapeIdentifier(role)} STRATEGY file_copy`,
    );
    await closeDatabases(client);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const superuserUrl = url.toString();
  return { name, databaseUrl: urlOf(name), superuserUrl, pristine: await readPristine(superuserUrl) };
}

/** Returns the superuser's connection string to the Postgres of the run with this socket; the first call starts the server. */
export async function requestServer(path: string | undefined): Promise<string> {
  if (path === undefined) throw new Error('test/support/postgres.ts is missing from globalSetup in vitest.config.ts');
  const socket = createConnection(path);
  const answer = JSON.parse(await text(socket)) as { superuserUrl?: string; failure?: string };
  if (answer.superuserUrl === undefined) throw new Error(`the run's Postgres did not start: ${answer.failure}`);
  return answer.superuserUrl;
}

type TemplateOptions = {
  readonly serverUrl: string;
  readonly service: ServiceName;
  readonly password: string;
  readonly urlOf: (database: string) => string;
  readonly migrationsDirectory: string;
};

/** Migrates a template database once per run. It gets its name, which identifies the migrations, only when it is complete. */
async function ensureTemplate(options: TemplateOptions): Promise<string> {
  const { serverUrl, service, password, urlOf, migrationsDirectory } = options;
  const template = `template_${service}_${await hashDirectory(migrationsDirectory)}`;
  const draft = `${template}_draft`;
  await createServiceRole({ superuserUrl: serverUrl, service, password });
  await asSuperuser(serverUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount !== 0) return;
    await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(draft)} WITH (FORCE)`);
    const owner = serviceDatabaseName(service);
    await client.query(
      `CREATE DATABASE ${escapeIdentifier(draft)} OWNER ${escapeIdentifier(owner)} STRATEGY file_copy`,
    );
    await migrate({ databaseUrl: urlOf(draft), directory: migrationsDirectory });
    await client.query(`ALTER DATABASE ${escapeIdentifier(draft)} RENAME TO ${escapeIdentifier(template)}`);
  });
  return template;
}

async function hashDirectory(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(directory)).sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(directory, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}
