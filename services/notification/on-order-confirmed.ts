// event OrderConfirmed: inserts the one notification of the order, in the transaction that records the event.
import { randomUUID } from 'node:crypto';
import type { OrderConfirmed } from '#gen/shop/order/v1/order_events_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { injectTrace, runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { insertNotifications, type NewNotification } from './notification-store.ts';

/**
 * Reads the notification that an order needs.
 * @throws {DomainError} `invalid_argument`.
 */
export function readNotification(event: OrderConfirmed): NewNotification | undefined {
  const { orderId, customerId, total, synthetic } = event;
  const validation = createValidation();
  if (customerId === '') validation.add('customer_id', 'must not be empty');
  if (total === undefined) validation.add('total', 'must be set');
  validation.throwIfInvalid();
  if (total === undefined) return undefined;
  const items = event.items.map(({ productId, quantity }) => ({ productId, quantity }));
  const { traceparent = '' } = runWithCorrelation(orderId, injectTrace);
  return { notificationId: randomUUID(), orderId, customerId, items, total, synthetic, traceparent };
}

/** Inserts notifications, and wakes the mailer once those of which one is to be sent are committed. */
export async function storeNotifications(
  wakeMailer: () => void,
  notifications: readonly NewNotification[],
  transaction: Transaction,
): Promise<void> {
  if (await insertNotifications(transaction, notifications)) transaction.afterCommit(wakeMailer);
}
