// rpc ListProducts: a page of products, by product id.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListProductsRequest, ListProductsResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { cutPage, parsePage, type RequestedPage } from '../platform/storage/page.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { toProductMessage } from './inventory-messages.ts';
import { listProductRows } from './product-store.ts';

/**
 * Returns the page and the token of the next one.
 * @throws {DomainError} `invalid_argument`.
 */
export async function listProducts(
  { database }: InventoryDependencies,
  request: ListProductsRequest,
): Promise<MessageInitShape<typeof ListProductsResponseSchema>> {
  const validation = createValidation();
  const page = readPage(request, validation);
  validation.throwIfInvalid();

  const { rows, nextPageToken } = cutPage(await listProductRows(database, page), page, ({ productId }) => [productId]);
  return { products: rows.map(toProductMessage), nextPageToken };
}

/** Reads the page that is asked for, and adds a violation for a wrong token. */
export function readPage(request: ListProductsRequest, validation: Validation): RequestedPage {
  return parsePage(request, { filter: ['products'], keyCount: 1 }, validation);
}
