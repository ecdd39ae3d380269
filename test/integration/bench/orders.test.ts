// What `make bench` reads: the counters of a database server, the processor time of processes, the layout of a checkout.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { findMissing } from '../../bench/orders/checkout.ts';
import { readDatabaseCounters, readDurability } from '../../bench/orders/database-counters.ts';
import { readProcessorTimes } from '../../bench/orders/processor-time.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Uses a tenth of a second of processor time. */
const BURN = 'while (process.cpuUsage().user + process.cpuUsage().system < 100_000);';

it('counts the commits of each database, and the write-ahead log of all', async () => {
  await using order = await createTestDatabase('order');
  await using payment = await createTestDatabase('payment');
  const { superuserUrl } = order;
  const databaseUrls = { order: order.databaseUrl, payment: payment.databaseUrl };
  const databases = { superuserUrl, databaseUrls };
  const before = await readDatabaseCounters(databases);

  const client = new Client({ connectionString: order.databaseUrl });
  await client.connect();
  for (let index = 0; index < 50; index += 1) {
    await client.query('create table counted (id int)');
    await client.query('drop table counted');
  }
  // A connection publishes its counters when it ends.
  await client.end();

  const commitsOf = async (): Promise<number> => (await readDatabaseCounters(databases)).commits.order ?? 0;
  await expect.poll(commitsOf).toBeGreaterThanOrEqual((before.commits.order ?? 0) + 100);
  const after = await readDatabaseCounters(databases);
  expect((after.commits.payment ?? 0) - (before.commits.payment ?? 0)).toBeLessThan(50);
  expect(after.walBytes).toBeGreaterThan(before.walBytes);
  expect(after.statements).toBeUndefined();
  expect((await readDurability(databases)).synchronousCommit).toMatch(/^(on|off)$/);
});

it('counts Postgres with the children that have ended, and refuses a process that has ended', async () => {
  const script = `"$0" -e '${BURN}'; echo burnt; read -r line`;
  const child = spawn('/bin/sh', ['-c', script, process.execPath], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;

  const { postgres, order } = await readProcessorTimes({ postgres: pid, order: pid });

  expect(postgres).toBeGreaterThanOrEqual(90);
  expect(order).toBeLessThan(postgres ?? 0);
  child.stdin.end();
  await once(child, 'close');
  await expect(readProcessorTimes({ order: pid })).rejects.toThrow('the process of order has ended');
});

it('accepts a checkout with the current or a former layout, and names what another one is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-checkout-'));
  try {
    expect(findMissing(folder)).toContain('is no checkout of this project: it has no local/stack/stack.ts');
    for (const name of ['stack', 'log-lines', 'secrets']) await createFile(folder, `services/dev/${name}.ts`);
    await createFile(folder, 'test/support/invariants.ts');
    expect(findMissing(folder)).toContain('has no node_modules: run `npm ci` there first');
    await createFile(folder, 'node_modules/.package-lock.json');
    expect(findMissing(folder)).toContain('has no gen/shop: run `make generate` there first');
    await createFile(folder, 'gen/shop/order.ts');
    expect(findMissing(folder)).toBeUndefined();
    expect(findMissing(ROOT)).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function createFile(folder: string, path: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), '');
}
