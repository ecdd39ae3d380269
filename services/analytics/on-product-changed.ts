// event ProductChanged: stores the display name of a product.
import type { ProductChanged } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { cleanText } from '../platform/base/text.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { readTime } from './event-times.ts';
import { putProductName } from './sales-store.ts';

const MAX_NAME_LENGTH = 200;

/**
 * Calls `changed` once the change is committed; an older version changes nothing.
 * @throws {DomainError} `invalid_argument`.
 */
export async function onProductChanged(
  changed: () => void,
  event: ProductChanged,
  transaction: Transaction,
): Promise<void> {
  const { productId, version } = event;
  const name = cleanText(event.name, MAX_NAME_LENGTH);
  const validation = createValidation();
  const time = readTime(validation, 'change_time', event.changeTime, { required: true });
  validation.throwIfInvalid();
  if (time === undefined) return;
  if (await putProductName(transaction, { productId, name, version, time })) transaction.afterCommit(changed);
}
