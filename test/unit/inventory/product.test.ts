import { describe, expect, it } from 'vitest';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import {
  adjustOnHand,
  applyDraft,
  checkSameAdjustment,
  countAvailable,
  type Product,
  productNotFound,
} from '#services/inventory/product.ts';

const LATER = new Date('2026-05-06T07:08:09Z');
const PLATE: Product = {
  productId: 'prod456',
  name: 'Plate',
  unitPrice: { currencyCode: 'EUR', minorUnits: 2_000n },
  onHand: 100,
  reserved: 40,
  sold: 5n,
  version: 3n,
  updateTime: new Date(0),
};
const DRAFT = { productId: 'prod456', name: 'Plate', unitPrice: PLATE.unitPrice, initialOnHand: 7 };

it('has available what is on hand and not reserved', () => {
  expect(countAvailable(PLATE)).toBe(60);
});

describe('a draft', () => {
  it('changes nothing when name and price are the same, whatever its initial stock', () => {
    expect(applyDraft(PLATE, DRAFT, LATER)).toBeUndefined();
    expect(applyDraft(PLATE, { ...DRAFT, initialOnHand: 1_000 }, LATER)).toBeUndefined();
  });

  it('creates the next version with another name', () => {
    expect(applyDraft(PLATE, { ...DRAFT, name: 'Dish' }, LATER)).toEqual({
      ...PLATE,
      name: 'Dish',
      version: 4n,
      updateTime: LATER,
    });
  });

  it('creates the next version with another amount or another currency', () => {
    const cheaper = { currencyCode: 'EUR', minorUnits: 1_999n };
    const abroad = { currencyCode: 'USD', minorUnits: 2_000n };
    expect(applyDraft(PLATE, { ...DRAFT, unitPrice: cheaper }, LATER)).toMatchObject({
      unitPrice: cheaper,
      version: 4n,
    });
    expect(applyDraft(PLATE, { ...DRAFT, unitPrice: abroad }, LATER)).toMatchObject({ unitPrice: abroad, version: 4n });
  });

  it('never touches the stock', () => {
    expect(applyDraft(PLATE, { ...DRAFT, name: 'Dish' }, LATER)).toMatchObject({ onHand: 100, reserved: 40, sold: 5n });
  });
});

describe('an adjustment', () => {
  it('adds and subtracts', () => {
    expect(adjustOnHand(PLATE, 5)).toBe(105);
    expect(adjustOnHand(PLATE, -5)).toBe(95);
  });

  it('may remove all that is not reserved', () => {
    expect(adjustOnHand(PLATE, -60)).toBe(40);
  });

  it('may not remove one unit more', () => {
    expect(() => adjustOnHand(PLATE, -61)).toThrow(
      expect.objectContaining({
        kind: 'failed_precondition',
        reason: 'STOCK_WOULD_BE_NEGATIVE',
        message: 'prod456 has 60 that are not reserved: 61 cannot be removed',
        metadata: { product_id: 'prod456', available: '60' },
      }),
    );
  });

  it('may raise the stock up to the range of the column', () => {
    expect(adjustOnHand(PLATE, 2_147_483_547)).toBe(2_147_483_647);
    expect(() => adjustOnHand(PLATE, 2_147_483_548)).toThrow(
      expect.objectContaining({ kind: 'invalid_argument', violations: [expect.objectContaining({ field: 'delta' })] }),
    );
  });

  it('matches the first use of its key only with the same product and delta', () => {
    const first = { productId: 'prod456', delta: 5 };
    expect(() => checkSameAdjustment(first, { ...first })).not.toThrow();
    for (const other of [
      { ...first, delta: -5 },
      { ...first, productId: 'prod789' },
    ]) {
      expect(() => checkSameAdjustment(first, other)).toThrow(
        expect.objectContaining({ kind: 'failed_precondition', reason: 'IDEMPOTENCY_KEY_REUSED' }),
      );
    }
  });
});

it('names an unknown product in the error', () => {
  expect(productNotFound('prod0')).toMatchObject({ kind: 'not_found', reason: 'PRODUCT_NOT_FOUND' });
  expect(productNotFound('prod0').message).toContain('prod0');
});

describe('the initial catalogue', () => {
  it('has the products of the examples, with their prices and stock', () => {
    const figures = Object.fromEntries(
      FIRST_CATALOGUE.map(({ productId, unitPrice, initialOnHand }) => [
        productId,
        [unitPrice.minorUnits, initialOnHand],
      ]),
    );
    expect(figures).toMatchObject({ '12345': [5_999n, 100], prod456: [2_000n, 100], prod789: [1_250n, 50] });
    expect(figures).toHaveProperty('test-product');
  });

  it('has a dozen more, each with a name, a price in euro and stock', () => {
    expect(FIRST_CATALOGUE).toHaveLength(16);
    expect(new Set(FIRST_CATALOGUE.map(({ productId }) => productId)).size).toBe(16);
    expect(new Set(FIRST_CATALOGUE.map(({ name }) => name)).size).toBe(16);
    for (const { name, unitPrice, initialOnHand } of FIRST_CATALOGUE) {
      expect(name.length).toBeGreaterThan(3);
      expect(unitPrice.currencyCode).toBe('EUR');
      expect(unitPrice.minorUnits).toBeGreaterThan(0n);
      expect(initialOnHand).toBeGreaterThan(0);
    }
  });
});
