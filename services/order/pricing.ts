// What a basket costs. Pure and exact.
import { type Money, multiplyMoney, sumMoney } from '../platform/money.ts';

export type PricedItem = { readonly productId: string; readonly quantity: number; readonly unitPrice: Money };

export type Quote = {
  readonly pricingVersion: 'v1';
  readonly total: Money;
  /** What each item costs, in the order of the items. */
  readonly amounts: readonly Money[];
};

/** Prices items of one currency: quantity times unit price. Throws RangeError for no items or mixed currencies. */
export function priceItems(items: readonly PricedItem[]): Quote {
  const amounts = items.map((item) => multiplyMoney(item.unitPrice, item.quantity));
  return { pricingVersion: 'v1', total: sumMoney(amounts), amounts };
}
