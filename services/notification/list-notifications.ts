// rpc ListNotifications: a page of notifications, newest first.
import type { ListNotificationsRequest } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { cutPage, isTimeAndUuid, parsePage, type RequestedPage } from '../platform/storage/page.ts';
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
  const page = readPage(request, validation);
  validation.throwIfInvalid();
  const notifications = await store.list({ customerId, orderId }, page);
  const { rows, nextPageToken } = cutPage(notifications, page, ({ createTime, notificationId }) => [
    createTime.toISOString(),
    notificationId,
  ]);
  return { notifications: rows.map(toNotificationMessage), nextPageToken };
}

/** Reads the page that is asked for, and adds a violation for a wrong token. */
export function readPage(request: ListNotificationsRequest, validation: Validation): RequestedPage {
  const filter = ['notifications', request.customerId, request.orderId];
  return parsePage(request, { filter, keyCount: 2, areKeys: isTimeAndUuid }, validation);
}
