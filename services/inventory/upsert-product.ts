// UpsertProduct: puts a product in, or changes its name and price.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { UpsertProductRequest, UpsertProductResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { tellProductChanged } from './inventory-events.ts';
import { toProductMessage } from './inventory-messages.ts';
import { applyDraft, FIRST_PRODUCT_VERSION, type Product, type ProductDraft } from './product.ts';
import { insertProduct, lockProduct, updateDescription } from './product-store.ts';

const MAX_NAME_LENGTH = 200;
// Ten thousand million in most currencies. What a whole order may cost is for the order service to limit.
const MAX_PRICE_MINOR_UNITS = 1_000_000_000_000n;

/** Answers with the product as it now stands. A repeat, or the name and price it has already, changes nothing. */
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

/** Puts a product in, or gives it the draft's name and price, with the event that tells of it. */
export async function putProduct(
  transaction: Transaction,
  draft: ProductDraft,
  now: Date,
): Promise<{ readonly product: Product; readonly isChanged: boolean }> {
  const addition = tellProductChanged({ ...draft, version: FIRST_PRODUCT_VERSION }, now);
  const added = await insertProduct(transaction, draft, now, addition);
  if (added !== undefined) return { product: added, isChanged: true };
  const present = await lockProduct(transaction, draft.productId);
  if (present === undefined) throw new Error(`product ${draft.productId} is neither new nor there`);
  const changed = applyDraft(present, draft, now);
  if (changed === undefined) return { product: present, isChanged: false };
  await updateDescription(transaction, changed, tellProductChanged(changed, now));
  return { product: changed, isChanged: true };
}

function readDraft({ productId, name, unitPrice, initialOnHand }: UpsertProductRequest): ProductDraft {
  const validation = createValidation();
  validation.text('product_id', productId);
  validation.text('name', name, MAX_NAME_LENGTH);
  validation.money('unit_price', unitPrice, 0n);
  if (unitPrice !== undefined && unitPrice.minorUnits > MAX_PRICE_MINOR_UNITS) {
    validation.add('unit_price.minor_units', `must be at most ${MAX_PRICE_MINOR_UNITS}, is ${unitPrice.minorUnits}`);
  }
  validation.range('initial_on_hand', initialOnHand, 0);
  validation.throwIfInvalid();
  const { currencyCode = '', minorUnits = 0n } = unitPrice ?? {};
  return { productId, name, unitPrice: { currencyCode, minorUnits }, initialOnHand };
}
