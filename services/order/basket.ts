// Validation and pricing of a basket, shared by CreateOrder and QuoteOrder.
import { type FieldViolation, invalidArgument, unavailable } from '../platform/base/errors.ts';
import type { Validation } from '../platform/base/validation.ts';
import type { PriceStore } from './price-store.ts';
import { type PricedItem, type PricingVersion, priceItems, type Quote } from './pricing.ts';

// The contract's limit: of a longer list, only so many are looked at.
const MAX_ITEMS = 100;
// The only product of synthetic orders, and of no others: customers would empty the stock that the monitor needs.
const TEST_PRODUCT = 'test-product';
// The most that can be charged at once: JSON of the payment provider holds no larger number exactly.
const MAX_TOTAL_MINOR_UNITS = BigInt(Number.MAX_SAFE_INTEGER);

/** The pricing version that a customer gets now. */
export type PricingVersionFor = (customerId: string) => Promise<PricingVersion>;

export type BasketItem = { readonly productId: string; readonly quantity: number };

/** Adds a violation for each duplicate of a product. */
export function validateItems(items: readonly BasketItem[], validation: Validation): void {
  const seen = new Map<string, number>();
  for (const [index, item] of items.slice(0, MAX_ITEMS).entries()) {
    const first = seen.get(item.productId);
    if (first !== undefined) validation.add(`items[${index}].product_id`, `is the same product as items[${first}]`);
    else seen.set(item.productId, index);
  }
}

/** Adds a violation for each product that an order must not contain: a synthetic one holds the test product, others never do. */
export function validateProducts(items: readonly BasketItem[], synthetic: boolean, validation: Validation): void {
  for (const [index, { productId }] of items.slice(0, MAX_ITEMS).entries()) {
    if ((productId === TEST_PRODUCT) === synthetic) continue;
    const fault = synthetic ? `must be ${TEST_PRODUCT} in a synthetic order` : 'is for synthetic orders only';
    validation.add(`items[${index}].product_id`, fault);
  }
}

/** A basket with its total and the price of each item. */
export type PricedBasket = Quote & { readonly items: readonly PricedItem[] };

/**
 * Prices a basket.
 * @throws {DomainError} INVALID_REQUEST: a product does not exist or is sold in another currency than the first, or the total is
 * zero or more than can be charged.
 * @throws {DomainError} CATALOGUE_NOT_LOADED: a product has no price, and it is not known yet whether it exists.
 */
export async function priceBasket(
  prices: PriceStore,
  basket: readonly BasketItem[],
  pricingVersion: PricingVersion,
): Promise<PricedBasket> {
  const items = await findPrices(prices, basket);
  const quote = priceItems(items, pricingVersion);
  requireChargeable(quote);
  // An order is confirmed by its charge, and the provider does not charge zero.
  if (quote.total.minorUnits === 0n) {
    throw invalidArgument([{ field: 'items', description: 'cost nothing together: there is nothing to charge for' }]);
  }
  return { ...quote, items };
}

function requireChargeable({ total, amounts }: Quote): void {
  if (total.minorUnits <= MAX_TOTAL_MINOR_UNITS) return;
  const most = `at most ${MAX_TOTAL_MINOR_UNITS} minor units`;
  const faults = amounts.flatMap(({ minorUnits }, index) => {
    if (minorUnits <= MAX_TOTAL_MINOR_UNITS) return [];
    return [{ field: `items[${index}].quantity`, description: `must cost ${most}, costs ${minorUnits}` }];
  });
  const together = { field: 'items', description: `must cost ${most} together, cost ${total.minorUnits}` };
  throw invalidArgument(faults.length > 0 ? faults : [together]);
}

async function findPrices(prices: PriceStore, items: readonly BasketItem[]): Promise<PricedItem[]> {
  const productIds = items.map((item) => item.productId);
  let known = await prices.find(productIds);
  if (known.size < items.length) {
    if (!(await prices.isLoaded())) {
      throw unavailable({ reason: 'CATALOGUE_NOT_LOADED', message: 'the prices are not loaded yet' });
    }
    // The load may have completed between the two queries: a product that is missing now does not exist.
    known = await prices.find(productIds);
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
