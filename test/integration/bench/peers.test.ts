// What `make bench-peers` measures with: the minimal participant, and the plain loop over it.
import { Code, ConnectError } from '@connectrpc/connect';
import type { Pool } from 'pg';
import { expect, it } from 'vitest';
import { readDatabaseCounters } from '../../bench/orders/database-counters.ts';
import { putUnderLoad } from '../../bench/overload/load.ts';
import { createCountedPool, publishCounters } from '../../bench/peers/counted-pool.ts';
import { serveOrders } from '../../bench/peers/endpoints/serve-orders.ts';
import { type PlacedOrder, placeOrder } from '../../bench/peers/order-steps.ts';
import { ParticipantService } from '../../bench/peers/participant/contract.ts';
import { startParticipant } from '../../bench/peers/participant/participant.ts';
import { STEPS } from '../../bench/peers/participant/store.ts';
import { judgeEffects } from '../../bench/peers/participants.ts';
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
  const place = (order: PlacedOrder) => placeOrder(order, stepsOfParticipant(client), runPlainly);
  const client = resources.use(openConnection(url)).client(ParticipantService);
  const orders = resources.use(await serveOrders(place));
  const owned = resources.move();
  return {
    database,
    pool,
    client,
    orderUrl: orders.url,
    place: (orderId: string) => place(orderOf(orderId)),
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

it('answers a call that waited for the same call with the effect of that one', async () => {
  await using fixture = await startFixture();
  const { client, pool } = fixture;
  const first = await pool.connect();
  try {
    await first.query('begin');
    const made = await first.query("insert into effect (order_id, step) values ('o1', 'charge') returning effect_id");
    const second = client.charge({ value: 'o1' });
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await expect.poll(async () => (await pool.query(waiting)).rowCount).toBe(1);
    await first.query('commit');

    expect((await second).value).toBe(made.rows[0].effect_id);
  } finally {
    first.release();
  }
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

  for (let index = 0; index < 30; index += 1) await place(`o${index}`);

  const commits = (await countCommits()) - before;
  expect(commits).toBeGreaterThanOrEqual(120);
  // The queries that publish and an autovacuum are commits too: some ten, however many the orders are. A fifth commit for each would be 30.
  expect(commits).toBeLessThan(150);
});

it('finishes as many orders as a load may place, and notices one that lacks an effect', async () => {
  await using fixture = await startFixture();
  const { database, pool, orderUrl: url, countEffects } = fixture;
  const load = { kind: 'closed', url, rate: 4, seconds: 60, orders: 20 } as const;

  const { called, acknowledged, otherEnds } = await putUnderLoad(load, new AbortController().signal);

  expect({ called, otherEnds }).toEqual({ called: 20, otherEnds: {} });
  expect(new Set(acknowledged.map(({ outcome }) => outcome))).toEqual(new Set(['CONFIRMED']));
  expect(await countEffects()).toEqual(expect.arrayContaining(STEPS.map((step) => ({ step, count: 20 }))));
  expect(await judgeEffects(database.databaseUrl, acknowledged)).toEqual([]);
  await pool.query("delete from effect where step = 'confirm' and order_id = $1", [acknowledged[0]?.orderId]);
  expect(await judgeEffects(database.databaseUrl, acknowledged)).toEqual(['orders with all effects: 19 instead of 20']);
});
