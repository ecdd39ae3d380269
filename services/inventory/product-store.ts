// The SQL of products, of the adjustments of their stock, and of the catalogue of the first day.

import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertOutboxSql, outboxValues } from '../platform/messaging/outbox.ts';
import type { Queryable, Transaction } from '../platform/storage/database.ts';
import type { Page } from '../platform/storage/page.ts';
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

const COLUMNS = 'product_id, name, currency_code, unit_price_minor, on_hand, reserved, sold, version, update_time';

/** A product as it stands. */
export async function findProduct(queryable: Queryable, productId: string): Promise<Product | undefined> {
  return firstProduct(
    await queryable.query<ProductRow>(`select ${COLUMNS} from product where product_id = $1`, [productId]),
  );
}

/** A product as it stands, and stays until the transaction ends. */
export async function lockProduct(transaction: Transaction, productId: string): Promise<Product | undefined> {
  return firstProduct(
    await transaction.query<ProductRow>(`select ${COLUMNS} from product where product_id = $1 for update`, [productId]),
  );
}

/** One product more than the page holds, by product id. */
export async function listProductRows(queryable: Queryable, page: Page): Promise<Product[]> {
  const rows = await queryable.query<ProductRow>(
    `select ${COLUMNS} from product where $1::text is null or product_id > $1 order by product_id limit $2`,
    [page.after?.[0] ?? null, page.size + 1],
  );
  return rows.map(toProduct);
}

/** Puts a new product in, with its event; undefined when there is one with this id. */
export async function insertProduct(
  queryable: Queryable,
  draft: ProductDraft,
  time: Date,
  event: OutgoingEvent,
): Promise<Product | undefined> {
  return firstProduct(
    await queryable.query<ProductRow>(
      `with added as (
         insert into product (product_id, name, currency_code, unit_price_minor, on_hand, update_time)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (product_id) do nothing
         returning ${COLUMNS}
       ), told as (
         ${insertOutboxSql(7, 'added')}
       )
       select * from added`,
      [
        draft.productId,
        draft.name,
        draft.unitPrice.currencyCode,
        draft.unitPrice.minorUnits.toString(),
        draft.initialOnHand,
        time,
        ...outboxValues([event]),
      ],
    ),
  );
}

/** Stores a new name and price of a product locked in this transaction, with the event. */
export async function updateDescription(
  transaction: Transaction,
  product: Product,
  event: OutgoingEvent,
): Promise<void> {
  await transaction.query(
    `with told as (${insertOutboxSql(7)})
     update product set name = $2, currency_code = $3, unit_price_minor = $4, version = $5, update_time = $6
     where product_id = $1`,
    [
      product.productId,
      product.name,
      product.unitPrice.currencyCode,
      product.unitPrice.minorUnits.toString(),
      product.version.toString(),
      product.updateTime,
      ...outboxValues([event]),
    ],
  );
}

/** The adjustment a key was used for. */
export async function findAdjustment(
  queryable: Queryable,
  idempotencyKey: string,
): Promise<StockAdjustment | undefined> {
  const [row] = await queryable.query<{ product_id: string; delta: number }>(
    'select product_id, delta from stock_adjustment where idempotency_key = $1',
    [idempotencyKey],
  );
  return row === undefined ? undefined : { productId: row.product_id, delta: row.delta };
}

/** Records an adjustment and stores the stock it leaves; does neither, and returns false, when the key is used. */
export async function storeAdjustment(
  transaction: Transaction,
  adjustment: StockAdjustment & { readonly idempotencyKey: string; readonly onHand: number; readonly time: Date },
): Promise<boolean> {
  const rows = await transaction.query(
    `with recorded as (
       insert into stock_adjustment (idempotency_key, product_id, delta, resulting_on_hand, create_time)
       values ($1, $2, $3, $4, $5)
       on conflict (idempotency_key) do nothing
       returning product_id, resulting_on_hand, create_time
     )
     update product set on_hand = recorded.resulting_on_hand, update_time = recorded.create_time
     from recorded where product.product_id = recorded.product_id
     returning product.product_id`,
    [adjustment.idempotencyKey, adjustment.productId, adjustment.delta, adjustment.onHand, adjustment.time],
  );
  return rows.length > 0;
}

/** Remembers a catalogue as put in; false when it was before. Replicas that try at once wait for the first to commit. */
export async function recordSeed(transaction: Transaction, name: string, time: Date): Promise<boolean> {
  const rows = await transaction.query(
    'insert into catalogue_seed (name, create_time) values ($1, $2) on conflict do nothing returning name',
    [name, time],
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
