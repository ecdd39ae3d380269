// The sums of the sales, which are kept by minute and by day: a summary is exact, whatever its span and the order of the events.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { dayOf, type Span } from '#services/analytics/sales.ts';
import {
  createSalesStore,
  insertSales,
  insertSteps,
  type Sale,
  type StepRow,
} from '#services/analytics/sales-store.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { ask, openDatabase } from '../platform/support/open-database.ts';

const MIGRATIONS = ['0002_sums.sql', '0004_sold_minutes.sql'].map((name) =>
  fileURLToPath(new URL(`../../../services/analytics/migrations/${name}`, import.meta.url)),
);
const DAY_START = Date.parse('2026-03-01T00:00:00.000Z');
const SECOND_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;

// On, before and after the limits of minutes and days.
const TIMES = [
  -DAY_MS,
  -1,
  0,
  1,
  59_999,
  60_000,
  60_500,
  43_200_000,
  43_200_001,
  DAY_MS - 1,
  DAY_MS,
  DAY_MS + 90_000,
].map((ms) => new Date(DAY_START + ms));
const SPANS: readonly Span[] = [undefined, ...TIMES].flatMap((start, index) =>
  [...TIMES.slice(index), undefined].map((end) => ({ start, end })),
);

/** Opens a database whose sessions have these settings. */
async function openSales(settings: Record<string, string> = {}) {
  await using resources = new AsyncDisposableStack();
  const test = resources.use(await createTestDatabase('analytics'));
  for (const [name, value] of Object.entries(settings))
    await ask(test.superuserUrl, `alter database "${test.name}" set ${name} = '${value}'`);
  const database = resources.use(openDatabase({ url: test.databaseUrl, size: 10 }));
  const owned = resources.move();
  return {
    database,
    ownerUrl: test.superuserUrl,
    store: createSalesStore(database),
    sql: <Row>(text: string) => ask<Row>(test.databaseUrl, text),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function saleAt(time: Date, index: number): Sale {
  const total = { currencyCode: index % 2 === 0 ? 'EUR' : 'USD', minorUnits: BigInt(100 + index) };
  return {
    orderId: `sale-${index}`,
    time,
    total,
    lines: [{ productId: `product-${index % 3}`, quantity: index + 1, gross: total }],
  };
}

function stepsAt(time: Date, index: number): StepRow[] {
  const step = { time, synthetic: false, reason: null };
  return [
    { ...step, orderId: `sale-${index}`, step: 'PAID' },
    { ...step, orderId: `failed-${index}`, step: 'FAILED', reason: 1 + (index % 2) },
    { ...step, orderId: `synthetic-${index}`, step: 'CREATED', synthetic: true },
    ...(isRefunded(index)
      ? [{ ...step, orderId: `sale-${index}`, step: 'ORDER_REFUNDED' as const, total: saleAt(time, index).total }]
      : []),
  ];
}

function isRefunded(index: number): boolean {
  return index % 3 === 1;
}

async function storeAll(database: Database): Promise<void> {
  await insertSteps(database, TIMES.flatMap(stepsAt));
  await insertSales(database, TIMES.map(saleAt));
}

/** What a summary of the span must contain, computed from what was stored. */
function expectedOf({ start, end }: Span) {
  const sales = TIMES.map(saleAt).filter(
    ({ time }) => (start === undefined || time >= start) && (end === undefined || time < end),
  );
  const orders = BigInt(sales.length);
  const indexes = sales.map(({ orderId }) => Number(orderId.split('-')[1]));
  const failedFor = (reason: number) => BigInt(indexes.filter((index) => 1 + (index % 2) === reason).length);
  const add = <Key>(sums: Map<Key, bigint>, key: Key, value: bigint) => sums.set(key, (sums.get(key) ?? 0n) + value);
  const [revenue, refunds, minutes, products] = [new Map(), new Map(), new Map(), new Map()];
  for (const [place, { time, total, lines }] of sales.entries()) {
    add(revenue, total.currencyCode, total.minorUnits);
    if (isRefunded(indexes[place] ?? 0)) add(refunds, total.currencyCode, total.minorUnits);
    add(minutes, `${Math.floor(time.getTime() / 60_000) * 60_000} ${total.currencyCode}`, total.minorUnits);
    for (const line of lines) add(products, `${line.productId} ${total.currencyCode}`, BigInt(line.quantity));
  }
  return {
    steps: {
      ...(sales.length === 0 ? {} : { PAID: orders, FAILED: orders, CONFIRMED: orders }),
      ...(refunds.size === 0 ? {} : { ORDER_REFUNDED: BigInt(indexes.filter(isRefunded).length) }),
    },
    syntheticOrders: orders,
    failures: [1, 2].map((reason) => ({ reason, orders: failedFor(reason) })).filter((failed) => failed.orders > 0n),
    revenue,
    refunds,
    minutes,
    minuteCount: BigInt(new Set([...minutes.keys()].map((key: string) => key.split(' ')[0])).size),
    products,
    productCount: BigInt(new Set([...products.keys()].map((key: string) => key.split(' ')[0])).size),
  };
}

async function readSummary(store: ReturnType<typeof createSalesStore>, span: Span): Promise<unknown> {
  const { rebuilding, steps, revenue, refunds, minutes, products, ...rows } = await store.sum(span);
  return {
    ...rows,
    steps: Object.fromEntries(steps.map(({ step, orders }) => [step, orders])),
    revenue: new Map(revenue.map(({ currencyCode, minorUnits }) => [currencyCode, minorUnits])),
    refunds: new Map(refunds.map(({ currencyCode, minorUnits }) => [currencyCode, minorUnits])),
    minutes: new Map(
      minutes.map(({ minute, revenue: { currencyCode, minorUnits } }) => [
        `${minute.getTime()} ${currencyCode}`,
        minorUnits,
      ]),
    ),
    products: new Map(
      products.map(({ productId, quantity, gross }) => [`${productId} ${gross.currencyCode}`, quantity]),
    ),
  };
}

type OpenSales = Awaited<ReturnType<typeof openSales>>;

/** Computes the sums from the rows, as the migrations do for rows that are older than they. */
async function migrateAgain({ sql }: OpenSales): Promise<void> {
  await sql(
    `drop table step_sum, product_sum, sold_minute, sold_day;
     drop function add_step_sums, add_product_sums, count_sold_minutes cascade`,
  );
  for (const migration of MIGRATIONS) await sql(await readFile(migration, 'utf8'));
}

async function readSums({ sql }: OpenSales) {
  return {
    steps: await sql('select * from step_sum order by 1, 2, 3, 4, 5, 6, 7'),
    products: await sql('select * from product_sum order by 1, 2, 3, 4, 5'),
    minutes: await sql('select * from sold_minute order by 1, 2'),
    days: await sql('select * from sold_day order by 1, 2'),
  };
}

describe('a summary', () => {
  it('is exact for spans that begin and end anywhere, also in the middle of a minute or a day', async () => {
    await using sales = await openSales();
    await storeAll(sales.database);

    for (const span of SPANS) {
      const label = `from ${span.start?.toISOString()} to ${span.end?.toISOString()}`;
      expect(await readSummary(sales.store, span), label).toEqual(expectedOf(span));
    }
  });

  it('is of days in UTC where the sessions of the database have another time zone', async () => {
    await using sales = await openSales({ timezone: 'Asia/Kathmandu' });
    await storeAll(sales.database);
    const stored = await readSums(sales);

    for (const span of SPANS) {
      const label = `from ${span.start?.toISOString()} to ${span.end?.toISOString()}`;
      expect(await readSummary(sales.store, span), label).toEqual(expectedOf(span));
    }
    await migrateAgain(sales);
    expect(await readSums(sales)).toEqual(stored);
  });

  it('counts rows that are stored again once', async () => {
    await using sales = await openSales();
    await storeAll(sales.database);
    const before = await readSums(sales);

    await storeAll(sales.database);

    expect(await readSums(sales)).toEqual(before);
  });

  it('lists currencies and products by the bytes of their texts, also where the database sorts as people do', async () => {
    // Without sorts, a statement that does not ask for an order groups by hashes.
    await using sales = await openSales({ enable_sort: 'off' });
    for (const table of ['product_sum', 'sale_line'])
      await ask(sales.ownerUrl, `alter table ${table} alter product_id type text collate "und-x-icu"`);
    const texts = ['b', 'Z', 'a', 'ä', 'A', '_'];
    const totals = ['USD', 'CHF', 'GBP', 'EUR', 'SEK', 'DKK'].map((currencyCode) => ({ currencyCode, minorUnits: 1n }));
    const lines = texts.map((productId) => ({ productId, quantity: 1, gross: totals[0]! }));
    const time = new Date(DAY_START);
    await insertSales(
      sales.database,
      totals.map((total, index) => {
        const shared = { productId: 'shared', quantity: 1, gross: total };
        return { orderId: `${index}`, time, total, lines: index === 0 ? [...lines, shared] : [shared] };
      }),
    );

    const { revenue, minutes, products } = await sales.store.sum({ start: undefined, end: undefined });

    const sorted = ['CHF', 'DKK', 'EUR', 'GBP', 'SEK', 'USD'];
    expect(revenue.map(({ currencyCode }) => currencyCode)).toEqual(sorted);
    expect(minutes.map((minute) => minute.revenue.currencyCode)).toEqual(sorted);
    expect(products.map(({ productId, gross }) => `${productId} ${gross.currencyCode}`)).toEqual([
      ...['A', 'Z', '_', 'a', 'b'].map((productId) => `${productId} USD`),
      ...sorted.map((currency) => `shared ${currency}`),
      'ä USD',
    ]);
  });

  it('reads the rows of partial minutes only', async () => {
    await using sales = await openSales();
    await storeAll(sales.database);
    const span = { start: TIMES[0], end: TIMES[6] };
    const whole = `time < '${TIMES[5]?.toISOString()}'`;

    await sales.sql(`delete from order_step where ${whole}`);
    await sales.sql(`delete from sale_line where ${whole}`);
    expect(await readSummary(sales.store, span)).toEqual(expectedOf(span));
    await sales.sql('delete from order_step');
    expect(await readSummary(sales.store, span)).not.toEqual(expectedOf(span));
  });

  it('of a long history reads the newest 1,440 minutes, and the number of the others by day', async () => {
    await using sales = await openSales();
    const minutes = Array.from({ length: 1_500 }, (_, index) => new Date(DAY_START + index * 60 * SECOND_MS));
    await insertSales(sales.database, minutes.map(saleAt));
    const everything = { start: undefined, end: undefined };
    const before = await sales.store.sum(everything);
    expect([before.minutes.length, before.minuteCount]).toEqual([1_440, 1_500n]);

    const isOld = `start_time < '${minutes[60]?.toISOString()}'`;
    await sales.sql(`delete from step_sum where unit = 'minute' and ${isOld}`);
    await sales.sql(`delete from sold_minute where ${isOld}`);

    expect(await sales.store.sum(everything)).toEqual(before);
  });

  it('counts every order once when many transactions add to the same minute at once', async () => {
    await using sales = await openSales();
    const handler = createAnalyticsSubscriptions(() => undefined)[0]?.handlers.find(({ batch }) => batch !== undefined);
    const time = new Date(DAY_START);
    const storeBatch = (batch: number) =>
      sales.database.transaction(async (transaction) => {
        const taken = Array.from({ length: 10 }, (_, index) => batch * 10 + index).flatMap((index) => {
          const items = [saleAt(time, index), ...stepsAt(time, index)];
          return batch % 2 === 0 ? items : items.reverse();
        });
        await handler?.batch?.applyAll(taken, transaction);
      });

    await Promise.all(Array.from({ length: 20 }, (_, batch) => storeBatch(batch)));

    const { steps, syntheticOrders, productCount } = await sales.store.sum({ start: undefined, end: undefined });
    expect(Object.fromEntries(steps.map(({ step, orders }) => [step, orders]))).toEqual({
      CONFIRMED: 200n,
      FAILED: 200n,
      PAID: 200n,
      ORDER_REFUNDED: 67n,
    });
    expect([syntheticOrders, productCount]).toEqual([200n, 3n]);
  });

  it('counts the rows that were stored before sums were kept', async () => {
    await using sales = await openSales();
    await storeAll(sales.database);
    const before = await readSums(sales);

    await migrateAgain(sales);

    expect(before.days).toMatchObject([{ minutes: 2 }, { minutes: 4 }, { minutes: 2 }]);
    expect(await readSums(sales)).toEqual(before);
  });
});

describe('the sales of today', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it.each(['Asia/Kathmandu', 'America/Los_Angeles'])('are of the day in UTC where the process runs in %s', (zone) => {
    vi.stubEnv('TZ', zone);

    for (const time of TIMES) {
      const start = new Date(Math.floor(time.getTime() / DAY_MS) * DAY_MS);
      expect(dayOf(time)).toEqual({ start, end: new Date(start.getTime() + DAY_MS) });
    }
  });
});
