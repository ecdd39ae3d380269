// Notification as a consumer of events: its real handler and database, and the notifications in it.
import { type Mock, vi } from 'vitest';
import type { Notification } from '#services/notification/notification.ts';
import { createNotificationStore } from '#services/notification/notification-store.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';

export type NotificationsFixture = EventFixture & {
  readonly wakeMailer: Mock<() => void>;
  begin(): Promise<void>;
  /** Every notification, by order. */
  notifications(): Promise<Record<string, Notification>>;
};

export async function openNotificationFixture(): Promise<NotificationsFixture> {
  const wakeMailer = vi.fn<() => void>();
  const fixture = await openEventFixture('notification', () => createNotificationSubscriptions(wakeMailer));
  const store = createNotificationStore(fixture.database);
  return {
    ...fixture,
    wakeMailer,
    begin: async () => {
      await fixture.empty();
      wakeMailer.mockClear();
    },
    notifications: async () => {
      const rows = await store.list({ customerId: '', orderId: '' }, { size: 100, after: undefined });
      return Object.fromEntries(rows.map((row) => [row.orderId, row]));
    },
  };
}
