import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalMoney, formatMoney, type Money, multiplyMoney, sumMoney } from '#services/platform/base/money.ts';

const eur = (minorUnits: bigint): Money => ({ currencyCode: 'EUR', minorUnits });

describe('a sum', () => {
  it('is exact beyond what a floating-point number holds', () => {
    expect(sumMoney([eur(9_007_199_254_740_993n), eur(1n)])).toEqual(eur(9_007_199_254_740_994n));
  });

  it('does not depend on the order of its amounts', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(), { minLength: 1 }), (units) => {
        const forth = sumMoney(units.map(eur));
        const back = sumMoney(units.toReversed().map(eur));
        expect(equalMoney(forth, back)).toBe(true);
      }),
    );
  });

  it('of mixed currencies is refused, naming both', () => {
    expect(() => sumMoney([eur(1n), { currencyCode: 'USD', minorUnits: 1n }])).toThrow(
      new RangeError('cannot add USD to EUR'),
    );
  });

  it('of nothing is refused: it has no currency', () => {
    expect(() => sumMoney([])).toThrow(RangeError);
  });
});

describe('a product', () => {
  it('of 59.99 and three is 179.97', () => {
    expect(multiplyMoney(eur(5_999n), 3)).toEqual(eur(17_997n));
  });

  it('is the sum of as many equal amounts', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: 1, max: 50 }), (units, factor) => {
        const repeated = Array.from({ length: factor }, () => eur(units));
        expect(multiplyMoney(eur(units), factor)).toEqual(sumMoney(repeated));
      }),
    );
  });

  it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('with %d is refused', (factor) => {
    expect(() => multiplyMoney(eur(1n), factor)).toThrow(RangeError);
  });
});

it('is equal only in currency and value', () => {
  expect(equalMoney(eur(1n), eur(1n))).toBe(true);
  expect(equalMoney(eur(1n), eur(2n))).toBe(false);
  expect(equalMoney(eur(1n), { currencyCode: 'USD', minorUnits: 1n })).toBe(false);
});

it.each([
  [5_999n, '59.99 EUR'],
  [0n, '0.00 EUR'],
  [7n, '0.07 EUR'],
  [-7n, '-0.07 EUR'],
  [-12_345n, '-123.45 EUR'],
  [100_000_000_000_000_000_001n, '1000000000000000000.01 EUR'],
])('reads %d as people write it', (minorUnits, text) => {
  expect(formatMoney(eur(minorUnits))).toBe(text);
});

it.each([
  [5_000n, 'JPY', '5000 JPY'],
  [-1n, 'KRW', '-1 KRW'],
  [1_234n, 'KWD', '1.234 KWD'],
  [7n, 'BHD', '0.007 BHD'],
  [12_345n, 'CLF', '1.2345 CLF'],
  [1_234n, 'HUF', '12.34 HUF'],
])('has the decimals that ISO 4217 gives its currency: %d %s', (minorUnits, currencyCode, text) => {
  expect(formatMoney({ minorUnits, currencyCode })).toBe(text);
});
