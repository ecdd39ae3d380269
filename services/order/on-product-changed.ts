// Handler of ProductChanged: keeps the order service's own prices current. Older versions are ignored by the store.
import type { ProductChanged } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { invalidArgument } from '../platform/base/errors.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { putPrices } from './price-store.ts';

/** Stores the product's price. Throws DomainError for an event without one. */
export async function onProductChanged(event: ProductChanged, transaction: Transaction): Promise<void> {
  if (event.unitPrice === undefined) throw invalidArgument([{ field: 'unit_price', description: 'must be set' }]);
  const { currencyCode, minorUnits } = event.unitPrice;
  await putPrices(transaction, [
    { productId: event.productId, unitPrice: { currencyCode, minorUnits }, version: event.version },
  ]);
}
