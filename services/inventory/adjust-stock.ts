// rpc AdjustStock: adds to or subtracts from the stock on hand, once for each idempotency key.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AdjustStockRequest, AdjustStockResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { scopedKey } from '../platform/identity/caller.ts';
import type { Call } from '../platform/server/call.ts';
import type { Transaction } from '../platform/storage/database.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toProductMessage } from './inventory-messages.ts';
import { adjustOnHand, checkSameAdjustment, type Product, productNotFound } from './product.ts';
import { findAdjustment, lockProduct, storeAdjustment } from './product-store.ts';

/**
 * Returns the product in its current state. A refused adjustment does not use the key up.
 * @throws {DomainError} PRODUCT_NOT_FOUND, STOCK_WOULD_BE_NEGATIVE or IDEMPOTENCY_KEY_REUSED.
 */
export async function adjustStock(
  { database, log, now }: InventoryDependencies,
  request: AdjustStockRequest,
  { caller }: Pick<Call, 'caller'>,
): Promise<MessageInitShape<typeof AdjustStockResponseSchema>> {
  const { product, isNew } = await database.transaction((transaction) =>
    adjust(transaction, request, scopedKey(caller, request.idempotencyKey), now()),
  );
  if (isNew)
    log.info({ product_id: product.productId, delta: request.delta, on_hand: product.onHand }, 'stock adjusted');
  return { product: toProductMessage(product) };
}

async function adjust(
  transaction: Transaction,
  request: AdjustStockRequest,
  key: string,
  time: Date,
): Promise<{ readonly product: Product; readonly isNew: boolean }> {
  const { productId, delta } = request;
  // Lock first: the statements after the lock see what a concurrent duplicate committed.
  const product = await lockProduct(transaction, productId);
  // A key from before callers were known stands alone.
  const first = await findAdjustment(transaction, [key, request.idempotencyKey]);
  if (first !== undefined) checkSameAdjustment(first, request);
  if (product === undefined) throw productNotFound(productId);
  if (first !== undefined) return { product, isNew: false };

  const onHand = adjustOnHand(product, delta);
  const stored = await storeAdjustment(transaction, { idempotencyKey: key, productId, delta, onHand, time });
  if (stored) return { product: { ...product, onHand, updateTime: time }, isNew: true };
  // This product's lock excludes concurrent adjustments of it, so the key was just used for another product.
  const winner = await findAdjustment(transaction, [key]);
  if (winner !== undefined) checkSameAdjustment(winner, request);
  throw new Error(`adjustment ${request.idempotencyKey} is neither new nor stored`);
}
