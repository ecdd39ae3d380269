// event OrderConfirmed: inserts the one notification of the order, in the transaction that records the event.
import { randomUUID } from 'node:crypto';
import type { OrderConfirmed } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { insertNotification } from './notification-store.ts';

/**
 * Wakes the mailer once the notification is committed.
 * @throws {DomainError} `invalid_argument`.
 */
export async function onOrderConfirmed(
  wakeMailer: () => void,
  event: OrderConfirmed,
  transaction: Transaction,
): Promise<void> {
  const { orderId, customerId, total, synthetic } = event;
  const validation = createValidation();
  validation.text('order_id', orderId);
  validation.text('customer_id', customerId);
  validation.money('total', total, 0n);
  validation.throwIfInvalid();
  if (total === undefined) return;
  await runWithCorrelation(orderId, async () => {
    const items = event.items.map(({ productId, quantity }) => ({ productId, quantity }));
    const notification = { notificationId: randomUUID(), orderId, customerId, items, total, synthetic };
    const isNew = await insertNotification(transaction, notification);
    if (isNew && !synthetic) transaction.afterCommit(wakeMailer);
  });
}
