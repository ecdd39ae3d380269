// rpc UpsertProduct: inserts a product, or changes its name and price.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { UpsertProductRequest, UpsertProductResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { productChangedEvent } from './inventory-events.ts';
import { toProductMessage } from './inventory-messages.ts';
import { applyDraft, FIRST_PRODUCT_VERSION, type Product, type ProductDraft } from './product.ts';
import { insertProduct, lockProduct, updateDescription } from './product-store.ts';

/** Returns the current product. A duplicate, or a request for the current name and price, changes nothing. */
export async function upsertProduct(
  { database, log, now, wakeRelay }: InventoryDependencies,
  request: UpsertProductRequest,
): Promise<MessageInitShape<typeof UpsertProductResponseSchema>> {
  const draft = readDraft(request);
  const { product, isChanged } = await database.transaction((transaction) => putProduct(transaction, draft, now()));
  if (isChanged) {
    wakeRelay();
    log.info({ product_id: product.productId, version: product.version.toString() }, 'product changed');
  }
  return { product: toProductMessage(product) };
}

/** Inserts a product, or updates its name and price, together with the event ProductChanged. */
export async function putProduct(
  transaction: Transaction,
  draft: ProductDraft,
  now: Date,
): Promise<{ readonly product: Product; readonly isChanged: boolean }> {
  const event = productChangedEvent({ ...draft, version: FIRST_PRODUCT_VERSION }, now);
  const added = await insertProduct(transaction, draft, now, event);
  if (added !== undefined) return { product: added, isChanged: true };
  const present = await lockProduct(transaction, draft.productId);
  if (present === undefined) throw new Error(`product ${draft.productId} is neither new nor stored`);
  const changed = applyDraft(present, draft, now);
  if (changed === undefined) return { product: present, isChanged: false };
  await updateDescription(transaction, changed, productChangedEvent(changed, now));
  return { product: changed, isChanged: true };
}

function readDraft({ productId, name, unitPrice, initialOnHand }: UpsertProductRequest): ProductDraft {
  if (unitPrice === undefined) throw new Error('a product without a price was not refused');
  const { currencyCode, minorUnits } = unitPrice;
  return { productId, name, unitPrice: { currencyCode, minorUnits }, initialOnHand };
}
