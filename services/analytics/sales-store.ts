// The SQL of the sales projection. Events are written to the newest generation, queries read the served one; they differ only during a
// rebuild.

import type { Money } from '../platform/base/money.ts';
import type { Queryable } from '../platform/storage/database.ts';
import { rawSql, type Sql, sql } from '../platform/storage/sql.ts';
import { type Range, type SalesRows, type SoldLine, type Span, type StepTaken, splitSpan } from './sales.ts';

const MAX_MINUTES = 1_440;
const MAX_PRODUCTS = 1_000;

export type SalesStore = {
  /** Returns the sums of a span, from one snapshot. */
  sum(span: Span): Promise<SalesRows>;
};

type Priced = { readonly currency_code: string; readonly minor_units: string };

type SumRow = {
  steps: { step: string; orders: string }[];
  synthetic_orders: string;
  revenue: Priced[];
  refunds: Priced[];
  minutes: (Priced & { minute: string; orders: string })[];
  minute_count: string;
  products: (Priced & { product_id: string; name: string; quantity: string })[];
  product_count: string;
  failures: { reason: number; orders: string }[];
  rebuilding: boolean;
};

const NEWEST = rawSql('(select max(generation) from generation)');

/** A step to be stored, with the reason of a failure, or the total of a refunded order. */
export type StepRow = StepTaken & { readonly reason: number | null; readonly total?: Money };

/** A confirmed order to be stored. */
export type Sale = {
  readonly orderId: string;
  readonly time: Date;
  readonly total: Money;
  readonly lines: readonly SoldLine[];
};

/** Stores steps of orders. Returns whether one of them was not stored before. */
export async function insertSteps(queryable: Queryable, steps: readonly StepRow[]): Promise<boolean> {
  const rows = await queryable.query(
    sql`insert into order_step (generation, order_id, step, time, synthetic, reason, currency_code, total_minor)
      select ${NEWEST}, taken.* from unnest(
        ${steps.map(({ orderId }) => orderId)}::text[], ${steps.map(({ step }) => step)}::text[],
        ${steps.map(({ time }) => time)}::timestamptz[], ${steps.map(({ synthetic }) => synthetic)}::boolean[],
        ${steps.map(({ reason }) => reason)}::int[], ${steps.map(({ total }) => total?.currencyCode ?? null)}::text[],
        ${steps.map(({ total }) => total?.minorUnits ?? null)}::bigint[]
      ) as taken on conflict do nothing returning step`,
  );
  return rows.length > 0;
}

/** Stores sales of confirmed orders. Returns whether one of them was not stored before. */
export async function insertSales(queryable: Queryable, sales: readonly Sale[]): Promise<boolean> {
  const lines = sales.flatMap(({ orderId, lines }) => lines.map((line) => ({ orderId, ...line })));
  const rows = await queryable.query(
    sql`with taken as (
        insert into order_step (generation, order_id, step, time, synthetic, currency_code, total_minor)
        select ${NEWEST}, sale.order_id, 'CONFIRMED', sale.time, false, sale.currency_code, sale.total_minor from unnest(
          ${sales.map(({ orderId }) => orderId)}::text[], ${sales.map(({ time }) => time)}::timestamptz[],
          ${sales.map(({ total }) => total.currencyCode)}::text[], ${sales.map(({ total }) => total.minorUnits)}::bigint[]
        ) as sale (order_id, time, currency_code, total_minor)
        on conflict do nothing returning generation, order_id, time
      ), sold as (
        insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
        select taken.generation, order_id, line.product_id, taken.time, line.quantity, line.currency_code, line.gross_minor
        from taken join unnest(
          ${lines.map(({ orderId }) => orderId)}::text[], ${lines.map(({ productId }) => productId)}::text[],
          ${lines.map(({ quantity }) => quantity)}::bigint[], ${lines.map(({ gross }) => gross.currencyCode)}::text[],
          ${lines.map(({ gross }) => gross.minorUnits)}::bigint[]
        ) as line (order_id, product_id, quantity, currency_code, gross_minor) using (order_id)
      )
      select generation from taken`,
  );
  return rows.length > 0;
}

/** Stores the name of a product, unless a newer version is stored. Returns whether it was stored. */
export async function putProductName(
  queryable: Queryable,
  product: { readonly productId: string; readonly name: string; readonly version: bigint; readonly time: Date },
): Promise<boolean> {
  const rows = await queryable.query(
    sql`insert into product_name (generation, product_id, name, version, time)
      values (${NEWEST}, ${product.productId}, ${product.name}, ${product.version}, ${product.time})
      on conflict (generation, product_id)
      do update set name = excluded.name, version = excluded.version, time = excluded.time
      where product_name.version < excluded.version
      returning product_id`,
  );
  return rows.length > 0;
}

/** Creates the store. */
export function createSalesStore(database: Queryable): SalesStore {
  return {
    sum: async (span) => {
      const [row] = await database.query<SumRow>(sumSql(span));
      if (row === undefined) throw new Error('a statement of aggregates returned no row');
      return toSalesRows(row);
    },
  };
}

// The sums of the span's whole days and of its other whole minutes, and the rows of its first and last partial minute: each range by an
// index. Every result is computed from those; of the minutes, only the newest are read. Counts and amounts go through JSON as text, whose
// numbers are not exact. Texts are sorted by their bytes, as in the contract.
function sumSql(span: Span): Sql {
  const whole = splitSpan(span);
  const [rowsBefore, rowsAfter] = whole.rows.map(rangeOf('time'));
  const [minutesBefore, minutesAfter] = whole.minutes.map(rangeOf('start_time'));
  const days = rangeOf('start_time')(whole.days);
  const sold = rangeOf('start_time')(whole.soldMinutes);
  const isWhole = rangeOf('minute')(whole.soldMinutes);
  const generation = rawSql('generation = (select generation from serving)');
  const summedSteps = rawSql('select step, synthetic, reason, currency_code, orders, total_minor from step_sum');
  const singleSteps =
    rawSql(`select step, synthetic, coalesce(reason, 0) as reason, coalesce(currency_code, '') as currency_code,
    1 as orders, coalesce(total_minor, 0) as total_minor from order_step`);
  const soldMinutes =
    rawSql(`select date_trunc('minute', time, 'UTC') as start_time, currency_code, 1 as orders, total_minor
    from order_step`);
  const summedLines = rawSql('select product_id, currency_code, quantity, gross_minor from product_sum');
  const singleLines = rawSql('select product_id, currency_code, quantity, gross_minor from sale_line');
  return sql`
with serving as materialized (select generation from generation where state = 'SERVING'),
counted as materialized (
  select step, synthetic, reason, currency_code, sum(orders) as orders, sum(total_minor) as minor_units
  from (
    ${summedSteps} where ${generation} and unit = 'day' and ${days}
    union all ${summedSteps} where ${generation} and unit = 'minute' and ${minutesBefore}
    union all ${summedSteps} where ${generation} and unit = 'minute' and ${minutesAfter}
    union all ${singleSteps} where ${generation} and ${rowsBefore}
    union all ${singleSteps} where ${generation} and ${rowsAfter}
  ) as part
  group by 1, 2, 3, 4
),
oldest_minute as materialized (
  select min(start_time) as start_time from (
    select start_time from sold_minute where ${generation} and ${sold}
    order by generation desc, start_time desc limit ${rawSql(`${MAX_MINUTES}`)}
  ) as newest
),
newest_minute as materialized (
  select start_time as minute, currency_code, sum(orders) as orders, sum(total_minor) as minor_units,
    dense_rank() over (order by start_time desc) as place
  from (
    select start_time, currency_code, orders, total_minor from step_sum
    where ${generation} and unit = 'minute' and step = 'CONFIRMED' and ${sold}
      and start_time >= (select start_time from oldest_minute)
    union all ${soldMinutes} where ${generation} and step = 'CONFIRMED' and ${rowsBefore}
    union all ${soldMinutes} where ${generation} and step = 'CONFIRMED' and ${rowsAfter}
  ) as part
  group by 1, 2
),
sold_product as materialized (
  select product_id, currency_code, sum(quantity) as quantity, sum(gross_minor) as minor_units,
    sum(sum(quantity)) over (partition by product_id) as all_quantity
  from (
    ${summedLines} where ${generation} and unit = 'day' and ${days}
    union all ${summedLines} where ${generation} and unit = 'minute' and ${minutesBefore}
    union all ${summedLines} where ${generation} and unit = 'minute' and ${minutesAfter}
    union all ${singleLines} where ${generation} and ${rowsBefore}
    union all ${singleLines} where ${generation} and ${rowsAfter}
  ) as part
  group by 1, 2
),
placed_product as (
  select *, dense_rank() over (order by all_quantity desc, product_id collate "C") as place from sold_product
)
select
  (select coalesce(jsonb_agg(summed), '[]') from (
    select step, sum(orders)::text as orders from counted where not synthetic group by step
  ) as summed) as steps,
  (select coalesce(sum(orders), 0) from counted where synthetic) as synthetic_orders,
  ${moneyOf('CONFIRMED')} as revenue,
  ${moneyOf('ORDER_REFUNDED')} as refunds,
  (select coalesce(jsonb_agg(listed), '[]') from (
    select (extract(epoch from minute) * 1000)::bigint::text as minute, currency_code, orders::text, minor_units::text
    from newest_minute where place <= ${MAX_MINUTES} order by newest_minute.minute, currency_code collate "C"
  ) as listed) as minutes,
  (select coalesce(sum(minutes), 0) from sold_day where ${generation} and ${days})
    + (select count(*) from sold_minute where ${generation} and ${minutesBefore})
    + (select count(*) from sold_minute where ${generation} and ${minutesAfter})
    + (select count(distinct minute) from newest_minute where not (${isWhole})) as minute_count,
  (select coalesce(jsonb_agg(listed), '[]') from (
    select product_id, coalesce((
        select name from product_name where ${generation} and product_name.product_id = placed_product.product_id
      ), '') as name, currency_code, quantity::text, minor_units::text
    from placed_product
    where place <= ${MAX_PRODUCTS} order by placed_product.product_id collate "C", currency_code collate "C"
  ) as listed) as products,
  (select count(distinct product_id) from sold_product) as product_count,
  (select coalesce(jsonb_agg(summed), '[]') from (
    select reason, orders::text as orders from counted where step = 'FAILED' order by reason
  ) as summed) as failures,
  exists (select from generation where state = 'BUILDING') as rebuilding`;
}

function moneyOf(step: 'CONFIRMED' | 'ORDER_REFUNDED'): Sql {
  return rawSql(`(select coalesce(jsonb_agg(summed), '[]') from (
    select currency_code, minor_units::text as minor_units from counted where step = '${step}'
    order by currency_code collate "C"
  ) as summed)`);
}

function rangeOf(column: string): (range: Range) => Sql {
  return ({ startMs, endMs }) =>
    sql`${rawSql(column)} >= ${toTime(startMs)}::timestamptz and ${rawSql(column)} < ${toTime(endMs)}::timestamptz`;
}

function toTime(ms: number): Date | string {
  if (Number.isFinite(ms)) return new Date(ms);
  return ms < 0 ? '-infinity' : 'infinity';
}

function toSalesRows(row: SumRow): SalesRows {
  return {
    steps: row.steps.map(({ step, orders }) => ({ step, orders: BigInt(orders) })),
    syntheticOrders: BigInt(row.synthetic_orders),
    revenue: row.revenue.map(toMoney),
    refunds: row.refunds.map(toMoney),
    minutes: row.minutes.map(({ minute, orders, ...money }) => ({
      minute: new Date(Number(minute)),
      orders: BigInt(orders),
      revenue: toMoney(money),
    })),
    minuteCount: BigInt(row.minute_count),
    products: row.products.map(({ product_id, name, quantity, ...money }) => ({
      productId: product_id,
      name,
      quantity: BigInt(quantity),
      gross: toMoney(money),
    })),
    productCount: BigInt(row.product_count),
    failures: row.failures.map(({ reason, orders }) => ({ reason, orders: BigInt(orders) })),
    rebuilding: row.rebuilding,
  };
}

function toMoney({ currency_code, minor_units }: Priced): Money {
  return { currencyCode: currency_code, minorUnits: BigInt(minor_units) };
}
