// A pool whose database is a primary and its standby: it follows the primary.
import { chmod } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { connectToPrimary } from '#services/platform/storage/database-servers.ts';
import { startPostgresPair } from '../../../support/cluster/postgres-pair.ts';
import { until } from '../../../support/cluster/until.ts';
import { openDatabase } from '../support/open-database.ts';

it('writes to the promoted standby after the primary is gone, where every answered statement is kept', async () => {
  await using folder = await createGuardedDirectory('touchstone-test-failover');
  // The server's account must be able to traverse this folder.
  await chmod(folder.path, 0o711);
  await using pair = await startPostgresPair(folder.path, 'a-secret-of-this-test');
  const { ownerUrl: url } = await pair.createDatabase('inventory');
  await using database = openDatabase({ url, size: 4, timeoutMs: 2_000 });
  await database.query('create table number (n int primary key)');
  const answered: number[] = [];
  const write = async (n: number): Promise<void> => {
    await database.query('insert into number values ($1)', [n]);
    answered.push(n);
  };
  for (let n = 0; n < 50; n += 1) await write(n);

  await pair.failOver();
  // The first statement may find its connection cut: that is unavailable, and safe to repeat.
  await until(() => write(100 + answered.length));
  await pair.restoreStandby();
  // Its first server answers now, but only reads.
  await using later = openDatabase({ url, size: 1, timeoutMs: 2_000 });
  await later.query('insert into number values (1000)');
  answered.push(1_000);
  await pair.failOver();
  await until(() => write(200 + answered.length));

  const rows = await database.query<{ n: number }>('select n from number order by n');
  expect(rows.map(({ n }) => n)).toEqual(expect.arrayContaining(answered));
  const client = await connectToPrimary(url, {});
  await using _closed = { [Symbol.asyncDispose]: () => client.end() };
  expect((await client.query('select pg_is_in_recovery() as standby')).rows).toEqual([{ standby: false }]);
}, 120_000);
