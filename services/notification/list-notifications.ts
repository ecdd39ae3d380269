// rpc ListNotifications: a page of notifications, newest first.
import type { ListNotificationsRequest } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { cutPage, isTimeAndUuid, parsePage } from '../platform/storage/page.ts';
import { toNotificationMessage } from './notification-messages.ts';
import type { NotificationStore } from './notification-store.ts';

export type ListNotificationsDependencies = { readonly store: Pick<NotificationStore, 'list'> };

/**
 * Returns the page.
 * @throws {DomainError} `invalid_argument`.
 */
export async function listNotifications({ store }: ListNotificationsDependencies, request: ListNotificationsRequest) {
  const { customerId, orderId } = request;
  const validation = createValidation();
  validation.optionalText('customer_id', customerId);
  validation.optionalText('order_id', orderId);
  const list = { filter: ['notifications', customerId, orderId], keyCount: 2, areKeys: isTimeAndUuid };
  const page = parsePage(request, list, validation);
  validation.throwIfInvalid();
  const notifications = await store.list({ customerId, orderId }, page);
  const { rows, nextPageToken } = cutPage(notifications, page, ({ createTime, notificationId }) => [
    createTime.toISOString(),
    notificationId,
  ]);
  return { notifications: rows.map(toNotificationMessage), nextPageToken };
}
