// The database of each service, and the role that owns it and can connect to no other. Created by the local stack and the tests;
// in production, the cluster's operator creates them.
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import type { ServiceName } from '../shared/topology.ts';

// An arbitrary advisory lock key: concurrent updates of one role's or database's row fail in Postgres.
const LOCK_KEY = 7_305_111_943;

export type ServiceDatabaseOptions = {
  /** A superuser's connection to the cluster. */
  readonly superuserUrl: string;
  readonly service: ServiceName;
  /** The new password of the service's role. */
  readonly password: string;
};

/** The name of a service's database and of the role that owns it. */
export function serviceDatabaseName(service: ServiceName): string {
  return `shop_${service}`;
}

/**
 * Creates or updates the database and the role of a service. Idempotent, and safe to run concurrently. Afterwards, only owners and
 * superusers can connect to the databases of the cluster. Returns the service's connection string, which holds the password.
 */
export async function createServiceDatabase(options: ServiceDatabaseOptions): Promise<string> {
  const { superuserUrl, service, password } = options;
  const name = serviceDatabaseName(service);
  await asSuperuser(superuserUrl, async (client) => {
    await ensureRole(client, name, password);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      await client.query(`CREATE DATABASE ${escapeIdentifier(name)} OWNER ${escapeIdentifier(name)}`);
    }
    await closeDatabases(client);
  });
  return serviceDatabaseUrl(superuserUrl, { role: name, password, database: name });
}

/** Creates or updates the role of a service, without a database. */
export async function createServiceRole({ superuserUrl, service, password }: ServiceDatabaseOptions): Promise<void> {
  await asSuperuser(superuserUrl, (client) => ensureRole(client, serviceDatabaseName(service), password));
}

/** Returns a connection string for another role and database on the same server. */
export function serviceDatabaseUrl(
  superuserUrl: string,
  { role, password, database }: { role: string; password: string; database: string },
): string {
  const url = new URL(superuserUrl);
  url.username = role;
  url.password = encodeURIComponent(password);
  url.pathname = `/${database}`;
  return url.toString();
}

/**
 * Runs `work` on a superuser's session, one at a time per cluster. Failing statements are not written to the server's log: they may
 * hold passwords.
 */
export async function asSuperuser<T>(superuserUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: superuserUrl });
  client.on('error', noop);
  try {
    await client.connect();
    await client.query('SET log_min_error_statement = panic');
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Revokes the right to connect that Postgres grants to every role on a new database. */
export async function closeDatabases(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database
     WHERE datallowconn AND (datacl IS NULL OR EXISTS (
       SELECT FROM aclexplode(datacl) WHERE grantee = 0 AND privilege_type IN ('CONNECT', 'TEMPORARY')))`,
  );
  for (const { name } of rows) await client.query(`REVOKE ALL ON DATABASE ${escapeIdentifier(name)} FROM PUBLIC`);
}

async function ensureRole(client: Client, name: string, password: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(
    `${verb} ROLE ${escapeIdentifier(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
     PASSWORD ${escapeLiteral(password)}`,
  );
}

function noop(): void {
  // A lost session also fails the current or next statement, which throws that error.
}
