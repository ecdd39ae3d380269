// Notifications for the unit tests.
import type { Notification } from '#services/notification/notification.ts';

/** A pending confirmation of order o1 for cust123, changed as given. */
export function notificationOf(changes: Partial<Notification> = {}): Notification {
  return {
    notificationId: '0b0e7a4e-6f0c-4a53-9d5e-1f4a3c2b1a00',
    orderId: 'o1',
    customerId: 'cust123',
    type: 'ORDER_CONFIRMATION',
    status: 'PENDING',
    items: [
      { productId: 'prod456', quantity: 2 },
      { productId: 'prod789', quantity: 1 },
    ],
    total: { currencyCode: 'EUR', minorUnits: 5250n },
    synthetic: false,
    version: 1,
    createTime: new Date('2026-01-02T03:04:05.678Z'),
    sendTime: undefined,
    ...changes,
  };
}
