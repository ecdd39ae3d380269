import { join } from 'node:path';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { startPostgres } from '#local/postgres/postgres.ts';
import { createServiceDatabase, serviceDatabaseUrl } from '#local/postgres/service-database.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';

it("creates a database that the service owns and another service's role cannot connect to", async () => {
  await using server = await startServer();
  const order = await createServiceDatabase({ ...server, service: 'order', password: 'order-password' });
  const payment = await createServiceDatabase({ ...server, service: 'payment', password: 'payment-password' });
  await query(order, 'CREATE TABLE orders (id text)');

  expect(new URL(order).pathname).toBe('/shop_order');
  expect(await query(order, 'SELECT current_user::text AS role, count(*)::int AS rows FROM orders')).toEqual([
    { role: 'shop_order', rows: 0 },
  ]);
  for (const database of ['shop_order', 'postgres', 'template1']) {
    const url = serviceDatabaseUrl(payment, { role: 'shop_payment', password: 'payment-password', database });
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining(database),
    });
  }
});

it('grants a role no rights beyond its database', async () => {
  await using server = await startServer();
  const url = await createServiceDatabase({ ...server, service: 'order', password: 'order-password' });

  await expect(query(url, 'CREATE DATABASE another')).rejects.toMatchObject({ code: '42501' });
  await expect(query(url, "CREATE ROLE another LOGIN PASSWORD 'x'")).rejects.toMatchObject({ code: '42501' });
  await expect(query(url, "SELECT pg_read_file('/etc/passwd')")).rejects.toMatchObject({ code: '42501' });
});

it('keeps the data and sets the new password when it is called again', async () => {
  await using server = await startServer();
  const first = await createServiceDatabase({ ...server, service: 'order', password: 'first' });
  await query(first, 'CREATE TABLE orders AS SELECT 7 AS number');

  const second = await createServiceDatabase({ ...server, service: 'order', password: "second 'quoted' %41" });

  expect(await query(second, 'SELECT number FROM orders')).toEqual([{ number: 7 }]);
  await expect(query(first, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

it('creates the databases once for concurrent callers', async () => {
  await using server = await startServer();
  const create = (service: 'order' | 'inventory') => createServiceDatabase({ ...server, service, password: service });

  const urls = await Promise.all([create('order'), create('inventory'), create('order'), create('inventory')]);

  for (const url of urls) expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it("writes no password to the server's log, not even when a statement fails", async () => {
  await using server = await startServer();
  await query(server.superuserUrl, 'ALTER SYSTEM SET default_transaction_read_only = on');
  await query(server.superuserUrl, 'SELECT pg_reload_conf()');

  const created = createServiceDatabase({ ...server, service: 'order', password: 'never-to-be-logged' });

  await expect(created).rejects.toMatchObject({ code: '25006' });
  await expect.poll(() => server.log.join('\n')).toContain('read-only transaction');
  expect(server.log.join('\n')).not.toContain('never-to-be-logged');
});

async function startServer() {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-test'));
  const log: string[] = [];
  const { superuserUrl } = resources.use(
    await startPostgres({
      dataDir: join(folder.path, 'data'),
      port: 0,
      password: 'superuser-password',
      durable: false,
      log: (line) => log.push(line),
    }),
  );
  return { superuserUrl, log, [Symbol.asyncDispose]: () => resources.disposeAsync() };
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
