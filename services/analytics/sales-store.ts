// All SQL about sales. What events tell is written to the newest generation, what is asked is read from the one that serves:
// they differ only while all is made anew.

import type { Money } from '../platform/base/money.ts';
import type { Queryable } from '../platform/storage/database.ts';
import type { SalesRows, SoldLine, Span, StepTaken } from './sales.ts';

const MAX_MINUTES = 1_440;
const MAX_PRODUCTS = 1_000;

export type SalesStore = {
  /** The sums of a span, all as of one moment. */
  sum(span: Span): Promise<SalesRows>;
};

type Priced = { readonly currency_code: string; readonly minor_units: string };

type SumRow = {
  steps: { step: string; orders: string }[];
  synthetic_orders: string;
  revenue: Priced[];
  minutes: (Priced & { minute: string; orders: string })[];
  minute_count: string;
  products: (Priced & { product_id: string; name: string; quantity: string })[];
  product_count: string;
  failures: { reason: number; orders: string }[];
  rebuilding: boolean;
};

const NEWEST = '(select max(generation) from generation)';

/** Stores a step of an order, with the reason of a failure. Returns whether it was not stored before. */
export async function insertStep(
  queryable: Queryable,
  { orderId, step, time, synthetic }: StepTaken,
  reason: number | null = null,
): Promise<boolean> {
  const rows = await queryable.query(
    `insert into order_step (generation, order_id, step, time, synthetic, reason)
     values (${NEWEST}, $1, $2, $3, $4, $5) on conflict do nothing returning step`,
    [orderId, step, time, synthetic, reason],
  );
  return rows.length > 0;
}

/** Stores what a confirmed order brought. Returns whether it was not stored before. */
export async function insertSale(
  queryable: Queryable,
  sale: { readonly orderId: string; readonly time: Date; readonly total: Money; readonly lines: readonly SoldLine[] },
): Promise<boolean> {
  const { orderId, time, total, lines } = sale;
  const rows = await queryable.query(
    `with taken as (
       insert into order_step (generation, order_id, step, time, synthetic, currency_code, total_minor)
       values (${NEWEST}, $1, 'CONFIRMED', $2, false, $3, $4) on conflict do nothing returning generation
     ), sold as (
       insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
       select taken.generation, $1, line.product_id, $2, line.quantity, line.currency_code, line.gross_minor
       from taken, unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[])
         as line (product_id, quantity, currency_code, gross_minor)
     )
     select generation from taken`,
    [
      orderId,
      time,
      total.currencyCode,
      total.minorUnits,
      lines.map(({ productId }) => productId),
      lines.map(({ quantity }) => quantity),
      lines.map(({ gross }) => gross.currencyCode),
      lines.map(({ gross }) => gross.minorUnits),
    ],
  );
  return rows.length > 0;
}

/** Stores the name of a product, unless a newer one is known. Returns whether it was stored. */
export async function putProductName(
  queryable: Queryable,
  product: { readonly productId: string; readonly name: string; readonly version: bigint; readonly time: Date },
): Promise<boolean> {
  const rows = await queryable.query(
    `insert into product_name (generation, product_id, name, version, time) values (${NEWEST}, $1, $2, $3, $4)
     on conflict (generation, product_id)
     do update set name = excluded.name, version = excluded.version, time = excluded.time
     where product_name.version < excluded.version
     returning product_id`,
    [product.productId, product.name, product.version, product.time],
  );
  return rows.length > 0;
}

/** Makes the store. */
export function createSalesStore(database: Queryable): SalesStore {
  return {
    sum: async ({ start, end }) => {
      const [row] = await database.query<SumRow>(SUM_SQL, [start ?? '-infinity', end ?? 'infinity']);
      if (row === undefined) throw new Error('a statement of sums gave no row');
      return toSalesRows(row);
    },
  };
}

// Every row of the span is looked at once; all that is told is made of those sums by minute and by product. Counts and amounts
// go through JSON as text: its numbers are not exact. Texts are in the order of their bytes, as in contracts.
const SUM_SQL = `
with serving as materialized (select generation from generation where state = 'SERVING'),
counted as materialized (
  select date_trunc('minute', time, 'UTC') as minute, step, synthetic, reason, currency_code,
    count(*) as orders, sum(total_minor) as minor_units
  from order_step
  where generation = (select generation from serving) and time >= $1::timestamptz and time < $2::timestamptz
  group by 1, 2, 3, 4, 5
),
sold_minute as materialized (
  select minute, currency_code, orders, minor_units, dense_rank() over (order by minute desc) as place
  from counted where step = 'CONFIRMED'
),
sold_product as materialized (
  select product_id, currency_code, sum(quantity) as quantity, sum(gross_minor) as minor_units,
    sum(sum(quantity)) over (partition by product_id) as all_quantity
  from sale_line
  where generation = (select generation from serving) and time >= $1::timestamptz and time < $2::timestamptz
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
  (select coalesce(jsonb_agg(summed), '[]') from (
    select currency_code, sum(minor_units)::text as minor_units from sold_minute group by 1 order by currency_code collate "C"
  ) as summed) as revenue,
  (select coalesce(jsonb_agg(listed), '[]') from (
    select (extract(epoch from minute) * 1000)::bigint::text as minute, currency_code, orders::text, minor_units::text
    from sold_minute where place <= ${MAX_MINUTES} order by sold_minute.minute, currency_code collate "C"
  ) as listed) as minutes,
  (select count(distinct minute) from sold_minute) as minute_count,
  (select coalesce(jsonb_agg(listed), '[]') from (
    select placed_product.product_id, coalesce(product_name.name, '') as name, currency_code, quantity::text,
      minor_units::text
    from placed_product
    left join product_name on product_name.generation = (select generation from serving)
      and product_name.product_id = placed_product.product_id
    where place <= ${MAX_PRODUCTS} order by placed_product.product_id collate "C", currency_code collate "C"
  ) as listed) as products,
  (select count(distinct product_id) from sold_product) as product_count,
  (select coalesce(jsonb_agg(summed), '[]') from (
    select reason, sum(orders)::text as orders from counted where step = 'FAILED' group by reason order by reason
  ) as summed) as failures,
  exists (select from generation where state = 'BUILDING') as rebuilding`;

function toSalesRows(row: SumRow): SalesRows {
  return {
    steps: row.steps.map(({ step, orders }) => ({ step, orders: BigInt(orders) })),
    syntheticOrders: BigInt(row.synthetic_orders),
    revenue: row.revenue.map(toMoney),
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
