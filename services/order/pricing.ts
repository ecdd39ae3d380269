// What a basket costs: v1 is quantity times unit price, v2 gives volume discounts. Pure and exact.
import { type Money, multiplyMoney, sumMoney } from '../platform/base/money.ts';

export type PricingVersion = 'v1' | 'v2';

export type PricedItem = { readonly productId: string; readonly quantity: number; readonly unitPrice: Money };

export type Quote = {
  readonly pricingVersion: PricingVersion;
  readonly total: Money;
  /** What each item costs, in the order of the items. */
  readonly amounts: readonly Money[];
};

// The percentage of the price that is paid, from a unit of a product on. A step applies to its own units only, not to those
// before it; otherwise a larger quantity could cost less than a smaller one.
const VOLUME_STEPS = [
  { fromUnit: 1, percent: 100n },
  { fromUnit: 2, percent: 95n },
  { fromUnit: 10, percent: 90n },
  { fromUnit: 100, percent: 80n },
] as const;

/**
 * Prices items of one currency whose unit prices are not negative. In v2 the 2nd to 9th unit of a product cost 5 % less, the
 * 10th to 99th 10 %, further ones 20 %; the amount of an item is rounded down to whole minor units.
 * @throws {RangeError} No items, or mixed currencies.
 */
export function priceItems(items: readonly PricedItem[], pricingVersion: PricingVersion): Quote {
  const amounts = items.map(pricingVersion === 'v1' ? fullAmount : discountedAmount);
  return { pricingVersion, total: sumMoney(amounts), amounts };
}

function fullAmount({ unitPrice, quantity }: PricedItem): Money {
  return multiplyMoney(unitPrice, quantity);
}

// Divided once, at the end: rounding each step would add up.
function discountedAmount({ unitPrice, quantity }: PricedItem): Money {
  const percents = VOLUME_STEPS.reduce((sum, { fromUnit, percent }, index) => {
    const nextStep = VOLUME_STEPS[index + 1]?.fromUnit ?? Number.POSITIVE_INFINITY;
    const units = Math.max(0, Math.min(quantity, nextStep - 1) - fromUnit + 1);
    return sum + BigInt(units) * percent;
  }, 0n);
  return { currencyCode: unitPrice.currencyCode, minorUnits: (unitPrice.minorUnits * percents) / 100n };
}
