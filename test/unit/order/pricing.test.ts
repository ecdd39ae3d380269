import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PricedItem, type PricingVersion, priceItems } from '#services/order/pricing.ts';
import { euros } from '../../support/services/order-builders.ts';

const item = (productId: string, quantity: number, minorUnits: bigint) => ({
  productId,
  quantity,
  unitPrice: euros(minorUnits),
});

const totalOf = (items: readonly PricedItem[], version: PricingVersion): bigint =>
  priceItems(items, version).total.minorUnits;

describe('pricing v1', () => {
  it('one of 12345 costs 59.99', () => {
    expect(priceItems([item('12345', 1, 5_999n)], 'v1').total).toEqual(euros(5_999n));
  });

  it('multiplies the unit price by the quantity', () => {
    expect(priceItems([item('12345', 10, 5_999n)], 'v1').amounts).toEqual([euros(59_990n)]);
  });

  it('sums all items and keeps their order', () => {
    const quote = priceItems([item('a', 1, 100n), item('b', 3, 7n), item('c', 2, 0n)], 'v1');
    expect(quote.amounts.map(({ minorUnits }) => minorUnits)).toEqual([100n, 21n, 0n]);
    expect(quote.total).toEqual(euros(121n));
  });

  it('is exact where floating point is not', () => {
    expect(totalOf([item('a', 10_000, 900_719_925_474_0993n)], 'v1')).toBe(9_007_199_254_740_993_0000n);
  });
});

describe('pricing v2', () => {
  it('two of prod456 cost less than 100, and less than by v1', { tags: 'seed-8.2' }, () => {
    const order = [item('prod456', 2, 2_000n)];
    expect(totalOf(order, 'v1')).toBe(4_000n);
    expect(totalOf(order, 'v2')).toBe(3_900n);
  });

  it.each([
    { quantity: 1, amount: 10_000n },
    { quantity: 2, amount: 19_500n },
    { quantity: 9, amount: 86_000n },
    { quantity: 10, amount: 95_000n },
    { quantity: 99, amount: 896_000n },
    { quantity: 100, amount: 904_000n },
    { quantity: 10_000, amount: 80_104_000n },
  ])(
    '$quantity at 100.00 each cost $amount cents: each further unit by the step it falls in',
    ({ quantity, amount }) => {
      expect(totalOf([item('a', quantity, 10_000n)], 'v2')).toBe(amount);
    },
  );

  it('rounds what an item costs down, once', () => {
    // 100 + 8 x 95 + 2 x 90 = 1,040 percent of 7 is 72.8, where unit by unit would lose more.
    expect(totalOf([item('a', 11, 7n)], 'v2')).toBe(72n);
    expect(totalOf([item('a', 2, 1n)], 'v2')).toBe(1n);
  });

  it('does not add up the quantities of different products', () => {
    const amounts = priceItems([item('a', 1, 10_000n), item('b', 1, 10_000n)], 'v2').amounts;
    expect(amounts).toEqual([euros(10_000n), euros(10_000n)]);
  });
});

describe('every pricing', () => {
  const items = fc.array(
    fc.record({
      productId: fc.string(),
      quantity: fc.integer({ min: 1, max: 10_000 }),
      unitPrice: fc.bigInt({ min: 0n, max: 2n ** 62n }).map(euros),
    }),
    { minLength: 1, maxLength: 100 },
  );
  const version = fc.constantFrom<PricingVersion>('v1', 'v2');

  it('says which it is', () => {
    expect(priceItems([item('a', 1, 1n)], 'v1').pricingVersion).toBe('v1');
    expect(priceItems([item('a', 1, 1n)], 'v2').pricingVersion).toBe('v2');
  });

  it('has an amount for each item, never negative, that add up to the total exactly', () => {
    fc.assert(
      fc.property(items, version, (basket, pricing) => {
        const { amounts, total } = priceItems(basket, pricing);
        expect(amounts).toHaveLength(basket.length);
        expect(amounts.every(({ minorUnits }) => minorUnits >= 0n)).toBe(true);
        expect(total.minorUnits).toBe(amounts.reduce((sum, { minorUnits }) => sum + minorUnits, 0n));
      }),
    );
  });

  it('v1 is the sum of quantity times unit price', () => {
    fc.assert(
      fc.property(items, (basket) => {
        const sum = basket.reduce(
          (total, { quantity, unitPrice }) => total + BigInt(quantity) * unitPrice.minorUnits,
          0n,
        );
        expect(totalOf(basket, 'v1')).toBe(sum);
      }),
    );
  });

  it('v2 is at most v1, and at least 80 % of it but for one minor unit an item', () => {
    fc.assert(
      fc.property(items, (basket) => {
        const full = totalOf(basket, 'v1');
        const discounted = totalOf(basket, 'v2');
        expect(discounted <= full).toBe(true);
        expect((discounted + BigInt(basket.length)) * 100n >= full * 80n).toBe(true);
      }),
    );
  });

  it('costs no less for one more of a product', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        version,
        (quantity, price, pricing) => {
          const more = totalOf([item('a', quantity + 1, price)], pricing);
          expect(more >= totalOf([item('a', quantity, price)], pricing)).toBe(true);
        },
      ),
    );
  });

  it('does not depend on the order of the items', () => {
    fc.assert(
      fc.property(items, version, (basket, pricing) => {
        expect(totalOf(basket.toReversed(), pricing)).toBe(totalOf(basket, pricing));
      }),
    );
  });

  it('refuses items of two currencies', () => {
    const dollars = { ...item('b', 1, 1n), unitPrice: { currencyCode: 'USD', minorUnits: 1n } };
    expect(() => priceItems([item('a', 1, 1n), dollars], 'v1')).toThrow(RangeError);
    expect(() => priceItems([item('a', 1, 1n), dollars], 'v2')).toThrow(RangeError);
  });

  it('refuses an empty basket', () => {
    expect(() => priceItems([], 'v1')).toThrow(RangeError);
    expect(() => priceItems([], 'v2')).toThrow(RangeError);
  });
});
