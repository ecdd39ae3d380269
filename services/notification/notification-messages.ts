// Mapping of notifications to messages and events of the contract.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { NotificationStatus, NotificationType } from '#gen/shop/notification/v1/notification_pb.ts';
import { DOMAIN } from '../domain.ts';
import { eventSourceOf } from '../platform/base/domain.ts';
import { createEvent, type OutgoingEvent } from '../platform/messaging/event.ts';
import { messageIdOf, type Notification } from './notification.ts';

const SOURCE = eventSourceOf(DOMAIN, 'notification');

/** Maps a notification to `shop.notification.v1.Notification`; a suppressed one has no Message-ID. */
export function toNotificationMessage(notification: Notification) {
  const { notificationId, orderId, customerId, type, status, createTime, sendTime } = notification;
  return {
    notificationId,
    orderId,
    customerId,
    type: NotificationType[type],
    status: NotificationStatus[status],
    messageId: status === 'SUPPRESSED' ? '' : messageIdOf(notificationId),
    createTime: timestampFromDate(createTime),
    ...(sendTime === undefined ? {} : { sendTime: timestampFromDate(sendTime) }),
  };
}

/** event NotificationSent, for a pending notification whose mail was accepted at `time`. */
export function toSentEvent(notification: Notification, time: Date): OutgoingEvent {
  const { notificationId, orderId, customerId, type, synthetic, version } = notification;
  const event = {
    notificationId,
    orderId,
    customerId,
    type: NotificationType[type],
    synthetic,
    version: BigInt(version + 1),
    sendTime: timestampFromDate(time),
  };
  return createEvent(SOURCE, NotificationSentSchema, event, time);
}
