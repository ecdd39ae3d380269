// What CreateOrder and QuoteOrder share: the checks of a basket, and the prices of all that is in it.
import { type FieldViolation, invalidArgument, unavailable } from '../platform/errors.ts';
import type { Validation } from '../platform/validation.ts';
import type { PriceStore } from './price-store.ts';
import type { PricedItem } from './pricing.ts';

const MAX_ITEMS = 100;
const MAX_QUANTITY = 10_000;
const RETRY_AFTER_MS = 1_000;

export type BasketItem = { readonly productId: string; readonly quantity: number };

/** Adds a violation for each fault of a basket. */
export function validateItems(items: readonly BasketItem[], validation: Validation): void {
  if (items.length === 0) validation.add('items', 'must not be empty');
  if (items.length > MAX_ITEMS) validation.add('items', `must be at most ${MAX_ITEMS}, are ${items.length}`);
  const seen = new Map<string, number>();
  for (const [index, item] of items.slice(0, MAX_ITEMS).entries()) {
    validation.text(`items[${index}].product_id`, item.productId);
    validation.range(`items[${index}].quantity`, item.quantity, 1, MAX_QUANTITY);
    const first = seen.get(item.productId);
    if (first !== undefined) validation.add(`items[${index}].product_id`, `is the same product as items[${first}]`);
    else seen.set(item.productId, index);
  }
}

/**
 * Finds the price of every item. Throws DomainError: `invalid_argument` naming each product that does not exist or is sold in
 * another currency than the rest; `unavailable` CATALOGUE_NOT_LOADED while that cannot be told yet.
 */
export async function findPrices(prices: PriceStore, items: readonly BasketItem[]): Promise<PricedItem[]> {
  const known = await prices.find(items.map((item) => item.productId));
  if (known.size < items.length && !(await prices.isLoaded())) {
    throw unavailable('CATALOGUE_NOT_LOADED', 'the prices are not known yet', RETRY_AFTER_MS);
  }
  const faults: FieldViolation[] = [];
  const priced: PricedItem[] = [];
  for (const [index, { productId, quantity }] of items.entries()) {
    const field = `items[${index}].product_id`;
    const unitPrice = known.get(productId);
    const currency = priced[0]?.unitPrice.currencyCode;
    if (unitPrice === undefined) {
      faults.push({ field, description: 'is not a product of the shop' });
    } else if (currency !== undefined && unitPrice.currencyCode !== currency) {
      faults.push({ field, description: `is sold in ${unitPrice.currencyCode}, others in ${currency}` });
    } else {
      priced.push({ productId, quantity, unitPrice });
    }
  }
  if (faults.length > 0) throw invalidArgument(faults);
  return priced;
}
