// What the statements of the analytics service read when it has many orders.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createGenerationStore } from '#services/analytics/generation-store.ts';
import { createSalesStore, insertSales, insertSteps, putProductName } from '#services/analytics/sales-store.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';

const plans = useQueryPlans('analytics', [
  `insert into order_step (generation, order_id, step, time, synthetic, currency_code, total_minor)
    select 1, 'order-' || n, step, now() - n * interval '1 second', false,
      case when step = 'CONFIRMED' then 'EUR' end, case when step = 'CONFIRMED' then 100 end
    from generate_series(1, 15000) as n, unnest(array['CREATED', 'CONFIRMED']) as step`,
  `insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
    select 1, 'order-' || n, 'product-' || n % 5, now() - n * interval '1 second', 1, 'EUR', 100
    from generate_series(1, 30000) as n`,
  `insert into product_name (generation, product_id, name, version, time)
    select 1, 'product-' || n, 'Mug', 1, now() from generate_series(1, 30000) as n`,
]);

const time = new Date();
const price = { currencyCode: 'EUR', minorUnits: 100n };
const generations = () => createGenerationStore(plans.database);

const statements: Record<string, () => Promise<unknown>> = {
  'storing steps': () =>
    insertSteps(plans.database, [{ orderId: randomUUID(), step: 'PAID', time, synthetic: false, reason: null }]),
  'storing sales': () => {
    const lines = [{ productId: 'product-1', quantity: 1, gross: price }];
    return insertSales(plans.database, [{ orderId: randomUUID(), time, total: price, lines }]);
  },
  'storing the name of a product': () =>
    putProductName(plans.database, { productId: 'product-1', name: 'Cup', version: 2n, time }),
  'summing up a span of any length': async () => {
    const store = createSalesStore(plans.database);
    await store.sum({ start: undefined, end: undefined });
    await store.sum({ start: new Date(time.getTime() - 7_200_500), end: time });
  },
  'looking for a rebuild': () => generations().findBuilding(),
  'looking for retired rows when there are none': async () => {
    expect(await generations().deleteRetired(5_000)).toBe(false);
  },
};

describe('with many steps and sales', () => {
  it.each(Object.entries(statements))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(statements))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('deleting a batch of retired rows reads no others', async () => {
    const countRows = async () => {
      const [row] = await plans.database.query<{ steps: number; lines: number; names: number }>(
        `select (select count(*)::int from order_step) as steps, (select count(*)::int from sale_line) as lines,
           (select count(*)::int from product_name) as names`,
      );
      return row ?? { steps: 0, lines: 0, names: 0 };
    };
    await plans.database.query(`update generation set state = 'RETIRED'`);
    await plans.database.query(`insert into generation (generation, state) values (2, 'SERVING')`);
    const { steps, lines, names } = await countRows();

    const scans = await plans.findScans(() => generations().deleteRetired(100));
    const left = await countRows();
    await plans.database.query('delete from generation where generation = 2');
    await plans.database.query(`update generation set state = 'SERVING'`);

    expect(scans).toEqual([]);
    expect(left).toEqual({ steps: steps - 100, lines: lines - 100, names: names - 100 });
  });
});
