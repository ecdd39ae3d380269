// event OrderConfirmed: stores what was sold, in the transaction that records the event.
import type { OrderConfirmed } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { readTime } from './event-times.ts';
import { toSoldLines } from './sales.ts';
import { insertSale } from './sales-store.ts';

/**
 * Calls `changed` once the change is committed; a synthetic order stores nothing.
 * @throws {DomainError} `invalid_argument`.
 */
export async function onOrderConfirmed(
  changed: () => void,
  event: OrderConfirmed,
  transaction: Transaction,
): Promise<void> {
  const { orderId, total, synthetic } = event;
  const validation = createValidation();
  validation.text('order_id', orderId);
  validation.money('total', total, 0n);
  const time = readTime(validation, 'confirm_time', event.confirmTime, { required: true });
  const items = event.items.map(({ productId, quantity, unitPrice }, index) => {
    validation.text(`items[${index}].product_id`, productId);
    validation.range(`items[${index}].quantity`, quantity, 1);
    validation.money(`items[${index}].unit_price`, unitPrice, 0n);
    return { productId, quantity, unitPrice: unitPrice ?? { currencyCode: '', minorUnits: 0n } };
  });
  validation.throwIfInvalid();
  if (total === undefined || time === undefined || synthetic) return;
  const isNew = await insertSale(transaction, { orderId, time, total, lines: toSoldLines(items) });
  if (isNew) transaction.afterCommit(changed);
}
