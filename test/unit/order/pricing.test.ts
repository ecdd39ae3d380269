import { describe, expect, it } from 'vitest';
import { priceItems } from '#services/order/pricing.ts';
import { euros } from '../../support/order-builders.ts';

const item = (productId: string, quantity: number, minorUnits: bigint) => ({
  productId,
  quantity,
  unitPrice: euros(minorUnits),
});

describe('pricing v1', () => {
  it('one of 12345 costs 59.99', () => {
    expect(priceItems([item('12345', 1, 5_999n)]).total).toEqual(euros(5_999n));
  });

  it('multiplies the unit price by the quantity', () => {
    expect(priceItems([item('12345', 10, 5_999n)]).amounts).toEqual([euros(59_990n)]);
  });

  it('sums all items and keeps their order', () => {
    const quote = priceItems([item('a', 1, 100n), item('b', 3, 7n), item('c', 2, 0n)]);
    expect(quote.amounts.map(({ minorUnits }) => minorUnits)).toEqual([100n, 21n, 0n]);
    expect(quote.total).toEqual(euros(121n));
  });

  it('says that it is v1', () => {
    expect(priceItems([item('a', 1, 1n)]).pricingVersion).toBe('v1');
  });

  it('is exact where floating point is not', () => {
    expect(priceItems([item('a', 10_000, 900_719_925_474_0993n)]).total.minorUnits).toBe(9_007_199_254_740_993_0000n);
  });

  it('refuses items of two currencies', () => {
    const dollars = { ...item('b', 1, 1n), unitPrice: { currencyCode: 'USD', minorUnits: 1n } };
    expect(() => priceItems([item('a', 1, 1n), dollars])).toThrow(RangeError);
  });

  it('refuses an empty basket', () => {
    expect(() => priceItems([])).toThrow(RangeError);
  });
});
