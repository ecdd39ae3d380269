// event ProductChanged: keeps the order service's own prices current. The store ignores older versions.
import type { ProductChanged } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { invalidArgument } from '../platform/base/errors.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { putPrices } from './price-store.ts';

/**
 * Stores the product's price.
 * @throws {DomainError} INVALID_REQUEST for an event without a price.
 */
export async function onProductChanged(event: ProductChanged, transaction: Transaction): Promise<void> {
  if (event.unitPrice === undefined) throw invalidArgument([{ field: 'unit_price', description: 'must be set' }]);
  const { currencyCode, minorUnits } = event.unitPrice;
  await putPrices(transaction, [
    { productId: event.productId, unitPrice: { currencyCode, minorUnits }, version: event.version },
  ]);
}
