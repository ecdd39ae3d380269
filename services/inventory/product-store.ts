// The SQL of products, of the adjustments of their stock, and of the initial catalogue.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertEvents } from '../platform/messaging/outbox.ts';
import type { Queryable, Transaction } from '../platform/storage/database.ts';
import type { Page } from '../platform/storage/page.ts';
import { rawSql, sql } from '../platform/storage/sql.ts';
import type { Product, ProductDraft, StockAdjustment } from './product.ts';

type ProductRow = {
  readonly product_id: string;
  readonly name: string;
  readonly currency_code: string;
  readonly unit_price_minor: string;
  readonly on_hand: number;
  readonly reserved: number;
  readonly sold: string;
  readonly version: string;
  readonly update_time: Date;
};

const COLUMNS = rawSql(
  'product_id, name, currency_code, unit_price_minor, on_hand, reserved, sold, version, update_time',
);

/** Reads the current product. */
export async function findProduct(queryable: Queryable, productId: string): Promise<Product | undefined> {
  return firstProduct(
    await queryable.query<ProductRow>(sql`select ${COLUMNS} from product where product_id = ${productId}`),
  );
}

/** Reads the current product and locks its row until the transaction ends. */
export async function lockProduct(transaction: Transaction, productId: string): Promise<Product | undefined> {
  return firstProduct(
    await transaction.query<ProductRow>(sql`select ${COLUMNS} from product where product_id = ${productId} for update`),
  );
}

/** Reads the page and one row more, by product id. */
export async function listProductRows(queryable: Queryable, page: Page): Promise<Product[]> {
  const after = page.after === undefined ? sql`` : sql`where product_id > ${page.after[0]}`;
  const rows = await queryable.query<ProductRow>(
    sql`select ${COLUMNS} from product ${after}
      order by product_id limit ${page.size + 1}`,
  );
  return rows.map(toProduct);
}

/** Inserts a product and its event; undefined when the id exists. */
export async function insertProduct(
  queryable: Queryable,
  draft: ProductDraft,
  time: Date,
  event: OutgoingEvent,
): Promise<Product | undefined> {
  return firstProduct(
    await queryable.query<ProductRow>(
      sql`with added as (
          insert into product (product_id, name, currency_code, unit_price_minor, on_hand, update_time)
          values (${draft.productId}, ${draft.name}, ${draft.unitPrice.currencyCode}, ${draft.unitPrice.minorUnits.toString()},
            ${draft.initialOnHand}, ${time})
          on conflict (product_id) do nothing
          returning ${COLUMNS}
        ), events as (
          ${insertEvents([event], sql`added`)}
        )
        select * from added`,
    ),
  );
}

/** Stores a new name and price, with the event, of a product locked in this transaction. */
export async function updateDescription(
  transaction: Transaction,
  product: Product,
  event: OutgoingEvent,
): Promise<void> {
  await transaction.query(
    sql`with events as (${insertEvents([event])})
      update product set name = ${product.name}, currency_code = ${product.unitPrice.currencyCode},
        unit_price_minor = ${product.unitPrice.minorUnits.toString()}, version = ${product.version.toString()},
        update_time = ${product.updateTime}
      where product_id = ${product.productId}`,
  );
}

/** Reads the adjustment that used one of the keys. */
export async function findAdjustment(
  queryable: Queryable,
  idempotencyKeys: readonly string[],
): Promise<StockAdjustment | undefined> {
  const [row] = await queryable.query<{ product_id: string; delta: number }>(
    sql`select product_id, delta from stock_adjustment where idempotency_key = any (${idempotencyKeys}::text[]) limit 1`,
  );
  return row === undefined ? undefined : { productId: row.product_id, delta: row.delta };
}

/** Stores an adjustment and the resulting stock; when the key is used, stores nothing and returns false. */
export async function storeAdjustment(
  transaction: Transaction,
  adjustment: StockAdjustment & { readonly idempotencyKey: string; readonly onHand: number; readonly time: Date },
): Promise<boolean> {
  const rows = await transaction.query(
    sql`with recorded as (
        insert into stock_adjustment (idempotency_key, product_id, delta, resulting_on_hand, create_time)
        values (${adjustment.idempotencyKey}, ${adjustment.productId}, ${adjustment.delta}, ${adjustment.onHand},
          ${adjustment.time})
        on conflict (idempotency_key) do nothing
        returning product_id, resulting_on_hand, create_time
      )
      update product set on_hand = recorded.resulting_on_hand, update_time = recorded.create_time
      from recorded where product.product_id = recorded.product_id
      returning product.product_id`,
  );
  return rows.length > 0;
}

/** Records that a catalogue was inserted; false when it was before. Concurrent replicas wait until the first one commits. */
export async function recordSeed(transaction: Transaction, name: string, time: Date): Promise<boolean> {
  const rows = await transaction.query(
    sql`insert into catalogue_seed (name, create_time) values (${name}, ${time}) on conflict do nothing returning name`,
  );
  return rows.length > 0;
}

function firstProduct([row]: readonly ProductRow[]): Product | undefined {
  return row === undefined ? undefined : toProduct(row);
}

function toProduct(row: ProductRow): Product {
  return {
    productId: row.product_id,
    name: row.name,
    unitPrice: { currencyCode: row.currency_code, minorUnits: BigInt(row.unit_price_minor) },
    onHand: row.on_hand,
    reserved: row.reserved,
    sold: BigInt(row.sold),
    version: BigInt(row.version),
    updateTime: row.update_time,
  };
}
