// All SQL about prices: the order service's own copy of them, so that orders are accepted while inventory is down.
import type { Money } from '../platform/base/money.ts';
import { createBatcher } from '../platform/storage/batcher.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';
import { sql } from '../platform/storage/sql.ts';

/** The price of a product at a version of the product. */
export type ProductPrice = { readonly productId: string; readonly unitPrice: Money; readonly version: bigint };

export type PriceStore = {
  /** The prices of those of the products that are known; the map may hold other products as well. */
  find(productIds: readonly string[]): Promise<ReadonlyMap<string, Money>>;
  /** Whether every product was once read from inventory, so that a product without a price does not exist. */
  isLoaded(): Promise<boolean>;
  /** Stores prices, newer ones only. */
  put(prices: readonly ProductPrice[]): Promise<void>;
  /** Records that every product was read. */
  markLoaded(): Promise<void>;
};

/** Creates the store. */
export function createPriceStore(database: Database): PriceStore {
  const find = createBatcher<readonly string[], ReadonlyMap<string, Money>>({
    run: async (baskets) => {
      const prices = await findPrices(database, [...new Set(baskets.flat())]);
      return baskets.map(() => prices);
    },
  });
  return {
    find,
    isLoaded: async () => (await database.query(sql`select from catalogue_load`)).length > 0,
    put: (prices) => putPrices(database, prices),
    markLoaded: async () => {
      await database.query(sql`insert into catalogue_load (load_time) values (now()) on conflict do nothing`);
    },
  };
}

async function findPrices(queryable: Queryable, productIds: readonly string[]): Promise<ReadonlyMap<string, Money>> {
  const rows = await queryable.query<{ product_id: string; currency_code: string; price_minor: string }>(
    sql`select product_id, currency_code, price_minor from product_price where product_id = any(${productIds}::text[])`,
  );
  return new Map(
    rows.map((row) => [row.product_id, { currencyCode: row.currency_code, minorUnits: BigInt(row.price_minor) }]),
  );
}

/** Stores prices; ignores those that are not newer than the stored ones. */
export async function putPrices(queryable: Queryable, prices: readonly ProductPrice[]): Promise<void> {
  const productIds = prices.map((price) => price.productId);
  const currencyCodes = prices.map((price) => price.unitPrice.currencyCode);
  const minorUnits = prices.map((price) => price.unitPrice.minorUnits);
  const versions = prices.map((price) => price.version);
  await queryable.query(
    sql`insert into product_price (product_id, currency_code, price_minor, version)
     select * from unnest(${productIds}::text[], ${currencyCodes}::text[], ${minorUnits}::bigint[], ${versions}::bigint[])
     on conflict (product_id) do update
       set currency_code = excluded.currency_code, price_minor = excluded.price_minor, version = excluded.version
       where excluded.version > product_price.version`,
  );
}
