// rpc CheckAvailability: how many of a product can be ordered now.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CheckAvailabilityRequest,
  CheckAvailabilityResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { countAvailable, productNotFound } from './product.ts';
import { findProduct } from './product-store.ts';

/**
 * Returns how many are on hand and not reserved.
 * @throws {DomainError} PRODUCT_NOT_FOUND.
 */
export async function checkAvailability(
  { database }: InventoryDependencies,
  { productId }: CheckAvailabilityRequest,
): Promise<MessageInitShape<typeof CheckAvailabilityResponseSchema>> {
  const product = await findProduct(database, productId);
  if (product === undefined) throw productNotFound(productId);
  const quantity = countAvailable(product);
  return { productId, available: quantity > 0, quantity };
}
