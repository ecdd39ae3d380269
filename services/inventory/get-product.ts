// rpc GetProduct: one product.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetProductRequest, GetProductResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toProductMessage } from './inventory-messages.ts';
import { productNotFound } from './product.ts';
import { findProduct } from './product-store.ts';

/**
 * Returns the current product.
 * @throws {DomainError} PRODUCT_NOT_FOUND.
 */
export async function getProduct(
  { database }: InventoryDependencies,
  { productId }: GetProductRequest,
): Promise<MessageInitShape<typeof GetProductResponseSchema>> {
  const product = await findProduct(database, productId);
  if (product === undefined) throw productNotFound(productId);
  return { product: toProductMessage(product) };
}
