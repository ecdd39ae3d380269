// All SQL about prices: the order service's own copy of what products cost, so that orders are taken while inventory is away.

import type { Money } from '../platform/base/money.ts';
import type { Database, Queryable } from '../platform/storage/database.ts';

/** The price of a product, as of a version of it. */
export type ProductPrice = { readonly productId: string; readonly unitPrice: Money; readonly version: bigint };

export type PriceStore = {
  /** The prices of those products that are known. */
  find(productIds: readonly string[]): Promise<ReadonlyMap<string, Money>>;
  /** Whether every product was once read from inventory, so that a product without a price does not exist. */
  isLoaded(): Promise<boolean>;
  /** Stores prices, newer ones only. */
  put(prices: readonly ProductPrice[]): Promise<void>;
  /** Records that every product was read. */
  markLoaded(): Promise<void>;
};

/** Makes the store. */
export function createPriceStore(database: Database): PriceStore {
  return {
    find: async (productIds) => {
      const rows = await database.query<{ product_id: string; currency_code: string; price_minor: string }>(
        'select product_id, currency_code, price_minor from product_price where product_id = any($1::text[])',
        [productIds],
      );
      return new Map(
        rows.map((row) => [row.product_id, { currencyCode: row.currency_code, minorUnits: BigInt(row.price_minor) }]),
      );
    },
    isLoaded: async () => (await database.query('select from catalogue_load')).length > 0,
    put: (prices) => putPrices(database, prices),
    markLoaded: async () => {
      await database.query('insert into catalogue_load (load_time) values (now()) on conflict do nothing');
    },
  };
}

/** Stores prices; one that is not newer than what is stored is ignored. */
export async function putPrices(queryable: Queryable, prices: readonly ProductPrice[]): Promise<void> {
  await queryable.query(
    `insert into product_price (product_id, currency_code, price_minor, version)
     select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
     on conflict (product_id) do update
       set currency_code = excluded.currency_code, price_minor = excluded.price_minor, version = excluded.version
       where excluded.version > product_price.version`,
    [
      prices.map((price) => price.productId),
      prices.map((price) => price.unitPrice.currencyCode),
      prices.map((price) => price.unitPrice.minorUnits),
      prices.map((price) => price.version),
    ],
  );
}
