// The routes of the notification service: RPC -> use case, event -> handler.
import type { ConnectRouter } from '@connectrpc/connect';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { onEvents, type Subscription } from '../platform/messaging/event-handler.ts';
import { checkOf } from '../platform/server/request-rules.ts';
import { listNotifications, readPage } from './list-notifications.ts';
import type { NotificationStore } from './notification-store.ts';
import { readNotification, storeNotifications } from './on-order-confirmed.ts';

/** What is checked of requests beside the rules of the contract. */
export const NOTIFICATION_CHECKS = [checkOf(NotificationService.method.listNotifications, readPage)];

/** Registers the RPCs. */
export function createNotificationRoutes(store: NotificationStore): (router: ConnectRouter) => void {
  return (router) =>
    router.service(NotificationService, {
      listNotifications: (request) => listNotifications({ store }, request),
    });
}

/** Lists the events consumed. */
export function createNotificationSubscriptions(wakeMailer: () => void): readonly Subscription[] {
  return [
    {
      producer: 'order',
      handlers: [
        onEvents(OrderConfirmedSchema, readNotification, (notifications, transaction) =>
          storeNotifications(wakeMailer, notifications, transaction),
        ),
      ],
    },
  ];
}
