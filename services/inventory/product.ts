// A product and its stock: what a change of name, price or stock means for it. Pure.
import { type DomainError, failedPrecondition, invalidArgument, notFound } from '../platform/base/errors.ts';
import { equalMoney, type Money } from '../platform/base/money.ts';

const MAX_ON_HAND = 2_147_483_647;

/** The version a product starts with. */
export const FIRST_PRODUCT_VERSION = 1n;

export type Product = {
  readonly productId: string;
  readonly name: string;
  readonly unitPrice: Money;
  /** In the warehouse: what can still be ordered, and what is reserved. */
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: bigint;
  /** Grows with every change of name or price. */
  readonly version: bigint;
  readonly updateTime: Date;
};

/** What makes a product: its stock is only what a new one starts with. */
export type ProductDraft = {
  readonly productId: string;
  readonly name: string;
  readonly unitPrice: Money;
  readonly initialOnHand: number;
};

/** An adjustment of stock that was made. */
export type StockAdjustment = { readonly productId: string; readonly delta: number };

/** How many can still be ordered. */
export function countAvailable(product: Product): number {
  return product.onHand - product.reserved;
}

/** The product with the name and price of a draft, a version later; undefined when it has them already. */
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
 * How many are in the warehouse after adding `delta`. Throws STOCK_WOULD_BE_NEGATIVE when less would be left than is
 * promised to orders, and a violation of `delta` when it is more than can be counted.
 */
export function adjustOnHand(product: Product, delta: number): number {
  const onHand = product.onHand + delta;
  if (onHand < product.reserved) {
    throw failedPrecondition(
      'STOCK_WOULD_BE_NEGATIVE',
      `${product.productId} has ${countAvailable(product)} that are not reserved: ${-delta} cannot be taken away`,
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

/** Checks that an adjustment is the one its key was first used for. Throws IDEMPOTENCY_KEY_REUSED. */
export function checkSameAdjustment(first: StockAdjustment, now: StockAdjustment): void {
  if (first.productId === now.productId && first.delta === now.delta) return;
  throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'this idempotency key belongs to another adjustment');
}

/** The error for a product that is not there. */
export function productNotFound(productId: string): DomainError {
  return notFound('PRODUCT_NOT_FOUND', `there is no product ${productId}`);
}
