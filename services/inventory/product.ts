// The product aggregate: changes of name, price and stock. Pure.
import { type DomainError, failedPrecondition, invalidArgument, notFound } from '../platform/base/errors.ts';
import { equalMoney, type Money } from '../platform/base/money.ts';

const MAX_ON_HAND = 2_147_483_647;

/** The version of a new product. */
export const FIRST_PRODUCT_VERSION = 1n;

export type Product = {
  readonly productId: string;
  readonly name: string;
  readonly unitPrice: Money;
  /** Units in the warehouse, reserved ones included. */
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: bigint;
  /** Incremented by every change of name or price; changes of stock leave it alone. */
  readonly version: bigint;
  readonly updateTime: Date;
};

/** What UpsertProduct asks for. `initialOnHand` applies to a new product only. */
export type ProductDraft = {
  readonly productId: string;
  readonly name: string;
  readonly unitPrice: Money;
  readonly initialOnHand: number;
};

/** A stored adjustment of stock. */
export type StockAdjustment = { readonly productId: string; readonly delta: number };

/** Returns how many units are on hand and not reserved. */
export function countAvailable(product: Product): number {
  return product.onHand - product.reserved;
}

/** Returns the next version of the product, with the name and price of the draft; undefined when it already has both. */
export function applyDraft(product: Product, draft: ProductDraft, now: Date): Product | undefined {
  if (product.name === draft.name && equalMoney(product.unitPrice, draft.unitPrice)) return undefined;
  return {
    ...product,
    name: draft.name,
    unitPrice: draft.unitPrice,
    version: product.version + 1n,
    updateTime: now,
  };
}

/**
 * Returns the stock on hand after adding `delta`.
 * @throws {DomainError} STOCK_WOULD_BE_NEGATIVE when fewer units would be left than are reserved; `invalid_argument` when the result
 *   exceeds the column's range.
 */
export function adjustOnHand(product: Product, delta: number): number {
  const onHand = product.onHand + delta;
  if (onHand < product.reserved) {
    throw failedPrecondition(
      'STOCK_WOULD_BE_NEGATIVE',
      `${product.productId} has ${countAvailable(product)} that are not reserved: ${-delta} cannot be removed`,
      { product_id: product.productId, available: String(countAvailable(product)) },
    );
  }
  if (onHand > MAX_ON_HAND) {
    throw invalidArgument([
      { field: 'delta', description: `must leave at most ${MAX_ON_HAND} on hand, leaves ${onHand}` },
    ]);
  }
  return onHand;
}

/**
 * Checks that a duplicate asks for the same adjustment as the first request with its key.
 * @throws {DomainError} IDEMPOTENCY_KEY_REUSED.
 */
export function checkSameAdjustment(first: StockAdjustment, duplicate: StockAdjustment): void {
  if (first.productId === duplicate.productId && first.delta === duplicate.delta) return;
  throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'this idempotency key belongs to another adjustment');
}

/** Builds the error for an unknown product. */
export function productNotFound(productId: string): DomainError {
  return notFound('PRODUCT_NOT_FOUND', `there is no product ${productId}`);
}
