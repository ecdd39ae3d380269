// The database of each service and its two roles: the owner, which migrates it, and the service's own, which reads and writes rows. Neither
// can connect to another database. Created by the local stack and the tests; in production, the cluster's operator creates them.
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import type { ServiceName } from '../shared/topology.ts';

// An arbitrary advisory lock key: concurrent updates of one role's or database's row fail in Postgres.
const LOCK_KEY = 7_305_111_943;
const NO_LIMIT = -1;
/** One for each replica that starts at the same time. */
const OWNER_CONNECTIONS = 4;

export type ServiceDatabaseOptions = {
  /** A superuser's connection to the cluster. */
  readonly superuserUrl: string;
  readonly service: ServiceName;
  /** The new password of the service's role. */
  readonly password: string;
};

export type ServiceDatabase = ServiceDatabaseOptions & {
  /** The new password of the owner's role. */
  readonly ownerPassword: string;
  /** How many connections the service's role may have. Default no limit. */
  readonly connections?: number;
};

/** The name of a service's database and of its own role. */
export function serviceDatabaseName(service: ServiceName): string {
  return `shop_${service}`;
}

/** The name of the role that owns a service's database. */
export function ownerName(service: ServiceName): string {
  return `${serviceDatabaseName(service)}_owner`;
}

/**
 * Creates or updates the database and the roles of a service. Idempotent, and safe to run concurrently. Afterwards, only a service, its
 * owner and superusers can connect to its database. Returns the connection strings, which hold the passwords.
 */
export async function createServiceDatabase(options: ServiceDatabase): Promise<{ url: string; ownerUrl: string }> {
  const { superuserUrl, service, password, ownerPassword, connections = NO_LIMIT } = options;
  const name = serviceDatabaseName(service);
  const owner = ownerName(service);
  await asSuperuser(superuserUrl, async (client) => {
    await ensureRole(client, name, password, connections);
    await ensureRole(client, owner, ownerPassword, OWNER_CONNECTIONS);
    const { rows } = await client.query<{ owner: string }>(
      'SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1',
      [name],
    );
    if (rows.length === 0)
      await client.query(`CREATE DATABASE ${escapeIdentifier(name)} OWNER ${escapeIdentifier(owner)}`);
    if (rows[0]?.owner === name) await changeOwner(superuserUrl, name, owner);
    await closeDatabases(client);
    await client.query(`GRANT CONNECT ON DATABASE ${escapeIdentifier(name)} TO ${escapeIdentifier(name)}`);
  });
  return {
    url: serviceDatabaseUrl(superuserUrl, { role: name, password, database: name }),
    ownerUrl: serviceDatabaseUrl(superuserUrl, { role: owner, password: ownerPassword, database: name }),
  };
}

/** Gives the owner what belonged to the service's role, when that was the only role: the tables, and the database itself. */
async function changeOwner(superuserUrl: string, name: string, owner: string): Promise<void> {
  const url = new URL(superuserUrl);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.toString() });
  try {
    await client.connect();
    await client.query(`REASSIGN OWNED BY ${escapeIdentifier(name)} TO ${escapeIdentifier(owner)}`);
  } finally {
    await client.end();
  }
}

/** Creates or updates the role of a service, without a database. */
export async function createServiceRole({ superuserUrl, service, password }: ServiceDatabaseOptions): Promise<void> {
  await asSuperuser(superuserUrl, (client) => ensureRole(client, serviceDatabaseName(service), password, NO_LIMIT));
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

async function ensureRole(client: Client, name: string, password: string, connections: number): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(
    `${verb} ROLE ${escapeIdentifier(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
     CONNECTION LIMIT ${connections} PASSWORD ${escapeLiteral(password)}`,
  );
}

function noop(): void {
  // A lost session also fails the current or next statement, which throws that error.
}
