// What `make bench-peers` measures with: the minimal participant, and the plain loop over it.
import { Code, ConnectError } from '@connectrpc/connect';
import type { Pool } from 'pg';
import { expect, it } from 'vitest';
import { readDatabaseCounters } from '../../bench/orders/database-counters.ts';
import { createCountedPool, publishCounters } from '../../bench/peers/counted-pool.ts';
import { type PlacedOrder, placeOrder } from '../../bench/peers/order-steps.ts';
import { ParticipantService } from '../../bench/peers/participant/contract.ts';
import { startParticipant } from '../../bench/peers/participant/participant.ts';
import { STEPS } from '../../bench/peers/participant/store.ts';
import { runPlainly } from '../../bench/peers/plain-loop.ts';
import { stepsOfParticipant } from '../../bench/peers/step-clients.ts';
import { openConnection } from '../../support/clients.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const orderOf = (orderId: string): PlacedOrder => ({
  orderId,
  customerId: 'c1',
  paymentMethod: 'pm_approved',
  lines: [],
});

async function startFixture() {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('order'));
  const pool = resources.adopt(createCountedPool(database.databaseUrl, 4), (open: Pool) => open.end());
  const { url } = resources.use(await startParticipant(pool));
  const client = resources.use(openConnection(url)).client(ParticipantService);
  const owned = resources.move();
  return {
    database,
    pool,
    client,
    place: (orderId: string) => placeOrder(orderOf(orderId), stepsOfParticipant(client), runPlainly),
    countEffects: async () =>
      (await pool.query<{ step: string; count: number }>('select step, count(*)::int from effect group by step')).rows,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

it('makes each effect of an order once, however often its steps are run', async () => {
  await using fixture = await startFixture();
  const { client, place, countEffects } = fixture;

  const outcomes = await Promise.all(['o1', 'o2', 'o1', 'o2', 'o1'].map(place));

  expect(outcomes).toEqual(Array.from({ length: 5 }, () => 'CONFIRMED'));
  expect(await countEffects()).toEqual(expect.arrayContaining(STEPS.map((step) => ({ step, count: 2 }))));
  const again = await Promise.all(Array.from({ length: 8 }, () => client.charge({ value: 'o3' })));
  expect(new Set(again.map(({ value }) => value)).size).toBe(1);
  expect(again[0]?.value).toMatch(/^[0-9a-f-]{36}$/);
  expect(await countEffects()).toContainEqual({ step: 'charge', count: 3 });
});

it('refuses an order id that is empty or too long', async () => {
  await using fixture = await startFixture();
  const { client, countEffects } = fixture;

  for (const value of ['', 'x'.repeat(129)]) {
    const error = await client.reserve({ value }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument, rawMessage: expect.stringContaining('order id: has') });
  }
  expect(await countEffects()).toEqual([]);
});

it('counts four commits for each order at once, also those of connections that are idle since', async () => {
  await using fixture = await startFixture();
  const { database, pool, place } = fixture;
  const databases = { superuserUrl: database.superuserUrl, databaseUrls: { participant: database.databaseUrl } };
  const countCommits = async (): Promise<number> => {
    await publishCounters(pool);
    return (await readDatabaseCounters(databases)).commits.participant ?? 0;
  };
  await place('first');
  const before = await countCommits();

  for (let index = 0; index < 10; index += 1) await place(`o${index}`);

  const commits = (await countCommits()) - before;
  expect(commits).toBeGreaterThanOrEqual(40);
  // The queries that publish are commits too.
  expect(commits).toBeLessThan(50);
});
