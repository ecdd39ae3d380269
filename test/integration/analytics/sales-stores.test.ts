// The SQL of generations and of the sales projection, where two generations exist at once.
import { describe, expect, it } from 'vitest';
import { createGenerationStore } from '#services/analytics/generation-store.ts';
import type { Producer } from '#services/analytics/sales.ts';
import { createSalesStore, insertSales, insertSteps, putProductName } from '#services/analytics/sales-store.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { NOON } from '../../support/services/sales-builders.ts';
import { ask, openDatabase } from '../platform/support/open-database.ts';

const TABLES = ['order_step', 'sale_line', 'product_name', 'step_sum', 'product_sum', 'sold_minute', 'sold_day'];
const PRICE = { currencyCode: 'EUR', minorUnits: 100n };

async function openStores() {
  await using resources = new AsyncDisposableStack();
  const test = resources.use(await createTestDatabase('analytics'));
  const database = resources.use(openDatabase({ url: test.databaseUrl }));
  const owned = resources.move();
  const sql = <Row>(text: string, values: unknown[] = []) => ask<Row>(test.superuserUrl, text, values);
  return {
    database,
    generations: createGenerationStore(database),
    sql,
    /** Stores the sale of an order and the name of its product in the newest generation. */
    sell: async (orderId: string, time = NOON) => {
      const lines = [{ productId: `of-${orderId}`, quantity: 1, gross: PRICE }];
      await insertSales(database, [{ orderId, time, total: PRICE, lines }]);
      await putProductName(database, { productId: `of-${orderId}`, name: 'Mug', version: 1n, time });
    },
    /** Returns the generations that have rows, by table. */
    generationsOf: async () => {
      const found: Record<string, number[]> = {};
      for (const table of TABLES) {
        const rows = await sql<{ generation: number }>(`select distinct generation from ${table} order by generation`);
        found[table] = rows.map(({ generation }) => generation);
      }
      return found;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type OpenStores = Awaited<ReturnType<typeof openStores>>;

/** Takes over all rows of a producer to generation 2, in batches; returns for each whether more were left. */
async function carryOver({ generations }: OpenStores, producer: Producer, limit: number): Promise<boolean[]> {
  const horizon = new Date(NOON.getTime() + 3_600_000);
  const isMoreLeft = [];
  do isMoreLeft.push(await generations.carryOver(2, producer, horizon, limit));
  while (isMoreLeft.at(-1) === true);
  return isMoreLeft;
}

describe('the rows of a retired generation', () => {
  it('are deleted, and neither those served nor those of a rebuild that begins in the meantime', async () => {
    await using open = await openStores();
    await open.sell('one');
    await open.generations.begin('first');
    await open.sell('one');
    await open.generations.finish(2);
    await open.generations.begin('second');
    await open.sell('one');

    const isMoreLeft = await open.generations.deleteRetired(100);

    expect(isMoreLeft).toBe(false);
    expect(await open.generationsOf()).toEqual(Object.fromEntries(TABLES.map((table) => [table, [2, 3]])));
  });

  it('are deleted in batches until none is left', async () => {
    await using open = await openStores();
    for (const orderId of ['one', 'two', 'three']) await open.sell(orderId);
    await open.generations.begin('first');
    await open.generations.finish(2);

    const isMoreLeft = [];
    do isMoreLeft.push(await open.generations.deleteRetired(2));
    while (isMoreLeft.at(-1) === true);

    // The sums of three products are the most rows: of a minute and of a day each.
    expect(isMoreLeft).toEqual([true, true, true, false]);
    expect(await open.generationsOf()).toEqual(Object.fromEntries(TABLES.map((table) => [table, []])));
  });
});

describe('a rebuild', () => {
  it('is the only one: another is refused and forgets no event that was applied', async () => {
    await using open = await openStores();
    await open.generations.begin('first');
    await open.sql('insert into inbox (event_id) values (gen_random_uuid())');

    await expect(open.generations.begin('second')).rejects.toMatchObject({ reason: 'REBUILD_RUNNING' });

    expect(await open.sql('select 1 from inbox')).toHaveLength(1);
    expect(await open.sql('select state from generation order by generation')).toEqual([
      { state: 'SERVING' },
      { state: 'BUILDING' },
    ]);
  });

  it('that is refused does not wait for the events that are being applied', async () => {
    await using open = await openStores();
    await open.generations.begin('first');

    const refused = await open.database.transaction(async (transaction) => {
      await transaction.query('insert into inbox (event_id) values (gen_random_uuid())');
      const [result] = await Promise.allSettled([open.generations.begin('second')]);
      return result;
    });

    expect(refused).toMatchObject({ reason: { reason: 'REBUILD_RUNNING' } });
  });

  it('forgets at its begin which events were applied, so that all are read again', async () => {
    await using open = await openStores();
    await open.sql('insert into inbox (event_id) values (gen_random_uuid())');

    await open.generations.begin('first');

    expect(await open.sql('select 1 from inbox')).toEqual([]);
  });

  it('is finished once, and what it has reset is stored for it alone', async () => {
    await using open = await openStores();
    await open.generations.begin('first');
    await open.generations.markRewound(2, 'order', 17);
    await open.generations.markRewound(2, 'payment', 3);
    expect(await open.generations.findBuilding()).toEqual({ generation: 2, rewound: { order: 17, payment: 3 } });

    const finished = [await open.generations.finish(2), await open.generations.finish(2)];
    await open.generations.markRewound(2, 'inventory', 9);

    expect(finished).toEqual([true, false]);
    expect(await open.sql('select generation, state, rewound from generation order by generation')).toEqual([
      { generation: 1, state: 'RETIRED', rewound: {} },
      { generation: 2, state: 'SERVING', rewound: { order: 17, payment: 3 } },
    ]);
  });

  it('takes over the rows of one producer that are older than its stream, each once', async () => {
    await using open = await openStores();
    const at = (seconds: number) => new Date(NOON.getTime() + seconds * 1_000);
    for (const seconds of [0, 1, 2]) await open.sell(`${seconds}`, at(seconds));
    await insertSteps(open.database, [{ orderId: '0', step: 'PAID', time: at(0), synthetic: false, reason: null }]);
    await open.generations.begin('first');
    const carryOne = () => open.generations.carryOver(2, 'order', at(2), 1);

    const isMoreLeft = [await carryOne(), await carryOne(), await carryOne()];

    expect(isMoreLeft).toEqual([true, true, false]);
    const select = (columns: string, table: string) =>
      open.sql(`select ${columns} from ${table} where generation = 2 order by order_id`);
    expect(await select('order_id, step', 'order_step')).toEqual([
      { order_id: '0', step: 'CONFIRMED' },
      { order_id: '1', step: 'CONFIRMED' },
    ]);
    expect(await select('order_id', 'sale_line')).toEqual([{ order_id: '0' }, { order_id: '1' }]);
    expect(await open.sql(`select step, orders from step_sum where generation = 2 and unit = 'day'`)).toEqual([
      { step: 'CONFIRMED', orders: '2' },
    ]);
  });
});

describe('what a rebuild takes over', () => {
  it('is all lines of an order, also when they are more than its steps', async () => {
    await using open = await openStores();
    const lines = ['mug', 'cup', 'jug'].map((productId) => ({ productId, quantity: 1, gross: PRICE }));
    await insertSales(open.database, [{ orderId: 'one', time: NOON, total: PRICE, lines }]);
    await open.generations.begin('first');

    const isMoreLeft = await carryOver(open, 'order', 2);

    expect(isMoreLeft).toEqual([true, false]);
    expect(await open.sql('select product_id from sale_line where generation = 2 order by 1')).toEqual([
      { product_id: 'cup' },
      { product_id: 'jug' },
      { product_id: 'mug' },
    ]);
  });

  it('is the names of products with the events of inventory, also when they are more than its steps', async () => {
    await using open = await openStores();
    for (const orderId of ['one', 'two', 'three']) await open.sell(orderId);
    await open.generations.begin('first');

    const isMoreLeft = [await carryOver(open, 'order', 10), await carryOver(open, 'inventory', 2)];

    expect(isMoreLeft).toEqual([[false], [true, false]]);
    const select = (generation: number) =>
      open.sql(`select product_id, name, version, time from product_name where generation = ${generation} order by 1`);
    expect(await select(2)).toHaveLength(3);
    expect(await select(2)).toEqual(await select(1));
  });

  it('is added to the sums in the order of the events that are applied in the meantime, so that none of both deadlocks', async () => {
    await using open = await openStores();
    const failed = { step: 'FAILED', time: NOON, synthetic: false, reason: 1 } as const;
    await open.sell('sold');
    await insertSteps(open.database, [{ ...failed, orderId: 'failed' }]);
    await open.generations.begin('first');
    const sale = { orderId: 'new', time: NOON, total: PRICE, lines: [] };

    let takingOver: Promise<unknown> = Promise.resolve();
    await open.database.transaction(async (transaction) => {
      await insertSteps(transaction, [{ ...failed, orderId: 'new' }]);
      takingOver = carryOver(open, 'order', 10);
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await expect.poll(() => open.sql(waiting)).toHaveLength(1);
      await insertSales(transaction, [sale]);
    });

    expect(await takingOver).toEqual([false]);
    expect(
      await open.sql(`select step, orders from step_sum where generation = 2 and unit = 'day' order by 1`),
    ).toEqual([
      { step: 'CONFIRMED', orders: '2' },
      { step: 'FAILED', orders: '2' },
    ]);
  });

  it('counts only the minutes of sales among those of all steps', async () => {
    await using open = await openStores();
    const failed = { orderId: 'failed', step: 'FAILED', time: new Date(NOON.getTime() + 60_000) } as const;
    await open.sell('sold');
    await insertSteps(open.database, [{ ...failed, synthetic: false, reason: 1 }]);
    await open.generations.begin('first');

    await carryOver(open, 'order', 10);
    await open.generations.finish(2);

    const { minutes, minuteCount } = await createSalesStore(open.database).sum({ start: undefined, end: undefined });
    expect([minutes.length, minuteCount]).toEqual([1, 1n]);
  });
});

describe('the name of a product', () => {
  it('is that of its newest version; the same version again and an older one change nothing', async () => {
    await using open = await openStores();
    const names = [];
    for (const [name, version] of [
      ['Mug', 2n],
      ['Cup', 2n],
      ['Glass', 1n],
      ['Jug', 3n],
    ] as const) {
      const isStored = await putProductName(open.database, { productId: 'p', name, version, time: NOON });
      const [row] = await open.sql<{ name: string }>('select name from product_name');
      names.push([isStored, row?.name]);
    }

    expect(names).toEqual([
      [true, 'Mug'],
      [false, 'Mug'],
      [false, 'Mug'],
      [true, 'Jug'],
    ]);
  });
});
