import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, escapeIdentifier } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Postgres, startPostgres } from '#local/postgres/postgres.ts';
import { createServiceDatabase, serviceDatabaseUrl } from '#local/postgres/service-database.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { migrate } from '#services/platform/storage/migrations.ts';

const REFUSED = { code: '42501' };
// The advisory lock that replicas of every version take for their grants.
const GRANT_LOCK_KEY = 5_114_870_233;

/** The tests' server: starting one takes a second. Each test removes its databases and roles from it. */
let postgres: Postgres;
const log: string[] = [];
const resources = new AsyncDisposableStack();
beforeAll(async () => {
  const folder = resources.use(await createGuardedDirectory('touchstone-test'));
  const dataDir = join(folder.path, 'data');
  const password = 'superuser-password';
  postgres = resources.use(
    await startPostgres({ dataDir, port: 0, password, durable: false, log: (line) => log.push(line) }),
  );
});
afterAll(() => resources.disposeAsync());

it("creates a database that another service's roles cannot connect to", async () => {
  await using server = useServer();
  const order = await server.create('order');
  const payment = await server.create('payment');
  await query(order.ownerUrl, 'CREATE TABLE orders (id text)');

  expect(new URL(order.url).pathname).toBe('/shop_order');
  expect(await query(order.url, 'SELECT current_user::text AS role')).toEqual([{ role: 'shop_order' }]);
  for (const role of ['shop_payment', 'shop_payment_owner']) {
    for (const database of ['shop_order', 'postgres', 'template1']) {
      const password = role.endsWith('owner') ? 'payment-owner' : 'payment';
      const url = serviceDatabaseUrl(payment.url, { role, password, database });
      await expect(query(url, 'SELECT 1')).rejects.toMatchObject({
        ...REFUSED,
        message: expect.stringContaining(database),
      });
    }
  }
});

it.each(['url', 'ownerUrl'] as const)('grants a role (%s) no rights beyond its database', async (role) => {
  await using server = useServer();
  const { [role]: url } = await server.create('order');

  await expect(query(url, 'CREATE DATABASE another')).rejects.toMatchObject(REFUSED);
  await expect(query(url, "CREATE ROLE another LOGIN PASSWORD 'x'")).rejects.toMatchObject(REFUSED);
  await expect(query(url, "SELECT pg_read_file('/etc/passwd')")).rejects.toMatchObject(REFUSED);
});

describe("a service's role, once its database is migrated by the owner", () => {
  let server: ReturnType<typeof useServer>;
  let order: Awaited<ReturnType<typeof server.migrated>>;
  beforeAll(async () => {
    server = useServer();
    order = await server.migrated('order');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('reads and writes the rows of every table, those of later migrations included', async () => {
    const { url, ownerUrl } = order;
    await query(ownerUrl, 'CREATE TABLE later (id bigint generated always as identity)');

    for (const table of ['orders', 'order_key', 'outbox', 'inbox', 'later']) {
      expect(await query(url, `SELECT count(*)::int AS rows FROM ${table}`)).toEqual([{ rows: 0 }]);
      await query(url, `DELETE FROM ${table}`);
      await query(url, `TRUNCATE ${table}`);
    }
    await query(url, 'INSERT INTO later DEFAULT VALUES');
    await query(url, 'INSERT INTO inbox (event_id) VALUES (gen_random_uuid())');
  });

  it.each([
    'DROP TABLE orders',
    'ALTER TABLE orders ADD COLUMN extra text',
    'ALTER TABLE orders OWNER TO shop_order',
    'CREATE TABLE extra (id int)',
    'CREATE TEMPORARY TABLE extra (id int)',
    'CREATE INDEX ON orders (customer_id)',
    'CREATE SCHEMA extra',
    'CREATE FUNCTION extra() RETURNS int LANGUAGE sql RETURN 1',
    'CREATE TRIGGER extra BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'CREATE EXTENSION hstore',
    'SET ROLE shop_order_owner',
    'ALTER DATABASE shop_order OWNER TO shop_order',
    'DROP DATABASE shop_order',
    'ALTER ROLE shop_order CONNECTION LIMIT 1000',
    'DELETE FROM service_migration',
    'TRUNCATE platform_migration',
  ])('is refused %s', async (statement) => {
    await expect(query(order.url, statement)).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|55006)$/) });
  });

  it('finds nothing to migrate, so that only one replica needs the role of the owner', async () => {
    await migrate({ databaseUrl: order.url, directory: migrationsOf('order') });

    const others = migrate({ databaseUrl: order.url, directory: migrationsOf('payment') });
    await expect(others).rejects.toThrow(
      'the database lacks 0001_charges, 0002_trace, 0003_synthetic_charges, 0004_statistics, and this role may not migrate it',
    );
  });

  it('is given its rights by replicas that migrate at the same time', async () => {
    // A replica in the middle of its grants, which would fail one that does not wait for it.
    const other = new Client({ connectionString: order.ownerUrl });
    await other.connect();
    await other.query('BEGIN');
    await other.query(`SELECT pg_advisory_xact_lock(${GRANT_LOCK_KEY})`);
    await other.query('GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop_order');

    const migrated = migrate({
      databaseUrl: order.url,
      migrationDatabaseUrl: order.ownerUrl,
      directory: migrationsOf('order'),
    }).then(
      () => 'migrated',
      (error: unknown) => error,
    );
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = 'shop_order' AND wait_event_type = 'Lock'`;
    await expect.poll(() => query(server.superuserUrl, waiting)).toHaveLength(1);
    await other.query('COMMIT');
    await other.end();

    expect(await migrated).toBe('migrated');
  });

  it('opens its database, or its tables, to no other role', async () => {
    const { url } = order;

    // Postgres answers with a warning to a grant by a role that may not give it.
    await query(url, 'GRANT CONNECT ON DATABASE shop_order TO PUBLIC');
    await expect(query(url, 'GRANT SELECT ON orders TO PUBLIC')).resolves.toEqual([]);

    expect(await query(url, "SELECT has_database_privilege('public', 'shop_order', 'CONNECT') AS connect")).toEqual([
      { connect: false },
    ]);
    expect(await query(url, "SELECT has_table_privilege('public', 'orders', 'SELECT') AS select")).toEqual([
      { select: false },
    ]);
  });

  it('has no more connections than its limit, and leaves the others to the other services', async () => {
    const { url } = await server.create('inventory', { connections: 3 });
    const payment = await server.create('payment', { connections: 3 });
    await using connections = new AsyncDisposableStack();
    for (let opened = 0; opened < 3; opened += 1) {
      const client = new Client({ connectionString: url });
      await client.connect();
      connections.defer(() => client.end());
    }

    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: '53300' });

    expect(await query(payment.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

it('gives the owner what a database from before belonged to the service, and keeps its rows', async () => {
  await using server = useServer();
  await query(server.superuserUrl, "CREATE ROLE shop_order LOGIN PASSWORD 'order'");
  await query(server.superuserUrl, 'CREATE DATABASE shop_order OWNER shop_order');
  const url = serviceDatabaseUrl(server.superuserUrl, {
    role: 'shop_order',
    password: 'order',
    database: 'shop_order',
  });
  await migrate({ databaseUrl: url, directory: migrationsOf('order') });
  await query(url, 'INSERT INTO inbox (event_id) VALUES (gen_random_uuid())');

  const { url: sameUrl } = await server.migrated('order');

  expect(await query(sameUrl, 'SELECT count(*)::int AS rows FROM inbox')).toEqual([{ rows: 1 }]);
  await query(sameUrl, 'INSERT INTO inbox (event_id) VALUES (gen_random_uuid())');
  await expect(query(sameUrl, 'DROP TABLE inbox')).rejects.toMatchObject(REFUSED);
  const owners = await query(
    sameUrl,
    "SELECT DISTINCT tableowner::text AS owner FROM pg_tables WHERE schemaname = 'public' UNION SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = 'shop_order'",
  );
  expect(owners).toEqual([{ owner: 'shop_order_owner' }]);
});

it('keeps the data and sets the new password when it is called again', async () => {
  await using server = useServer();
  const first = await server.create('order', { password: 'first' });
  await query(first.ownerUrl, 'CREATE TABLE orders AS SELECT 7 AS number');

  const second = await server.create('order', { password: "second 'quoted' %41" });

  expect(await query(second.ownerUrl, 'SELECT number FROM orders')).toEqual([{ number: 7 }]);
  expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await expect(query(first.url, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

it('creates the databases once for concurrent callers', async () => {
  await using server = useServer();

  const created = await Promise.all(
    (['order', 'inventory', 'order', 'inventory'] as const).map((name) => server.create(name)),
  );

  for (const { url } of created) expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it("writes no password to the server's log, not even when a statement fails", async () => {
  await using server = useServer();
  const superuserUrl = `${server.superuserUrl}?options=${encodeURIComponent('-c default_transaction_read_only=on')}`;

  const created = server.create('order', { password: 'never-to-be-logged', superuserUrl });

  await expect(created).rejects.toMatchObject({ code: '25006' });
  await expect.poll(() => log.join('\n')).toContain('read-only transaction');
  expect(log.join('\n')).not.toContain('never-to-be-logged');
});

function useServer() {
  const { superuserUrl } = postgres;
  const create = (service: ServiceName, { password = service as string, ...options }: Partial<Options> = {}) =>
    createServiceDatabase({ superuserUrl, service, password, ownerPassword: `${service}-owner`, ...options });
  const migrated = async (service: ServiceName) => {
    const { url, ownerUrl } = await create(service);
    await migrate({ databaseUrl: url, migrationDatabaseUrl: ownerUrl, directory: migrationsOf(service) });
    return { url, ownerUrl };
  };
  return { superuserUrl, create, migrated, [Symbol.asyncDispose]: () => removeDatabases(superuserUrl) };
}

/** Leaves the server as it was created. */
async function removeDatabases(superuserUrl: string): Promise<void> {
  const databases = await query<{ name: string }>(
    superuserUrl,
    "SELECT datname AS name FROM pg_database WHERE datname LIKE 'shop%'",
  );
  for (const { name } of databases) {
    // A test that failed may have left a connection.
    await query(superuserUrl, `DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
  }
  const roles = await query<{ name: string }>(
    superuserUrl,
    "SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'shop%'",
  );
  for (const { name } of roles) await query(superuserUrl, `DROP ROLE ${escapeIdentifier(name)}`);
  await query(superuserUrl, 'GRANT CONNECT, TEMPORARY ON DATABASE postgres, template1 TO PUBLIC');
}

type Options = { readonly password: string; readonly connections: number; readonly superuserUrl: string };

function migrationsOf(service: ServiceName): string {
  return fileURLToPath(new URL(`../../../services/${service}/migrations`, import.meta.url));
}

async function query<Row = unknown>(connectionString: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString });
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
