// What analytics makes of notification's event: its real handler over its real database.
import { anyTimestamp, like } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { envelopeOf, inTurn, shopContract } from '../../support/contracts/contracts.ts';
import { openSalesDesk, type SalesDesk } from './sales-fixture.ts';

// Handlers decode events themselves: what they read of them is recorded from there.
vi.mock(import('#services/platform/messaging/event.ts'), async (importOriginal) => {
  const { recordEvents } = await import('../../support/contracts/usage.ts');
  return recordEvents(await importOriginal());
});

const notification = shopContract('AnalyticsService', 'NotificationService');

const sent = () =>
  notification
    .uponReceiving('the news that a mail was sent')
    .event(
      NotificationSentSchema,
      { orderId: like('61c34fe4-c63b-4f64-80b7-6f53d0928177'), synthetic: false, sendTime: anyTimestamp() },
      envelopeOf(NotificationSentSchema, '80000000-0000-4000-8000-000000000001'),
    );

let desk: SalesDesk;

// One desk for the file: every run of the handlers begins anew.
beforeAll(async () => {
  desk = await openSalesDesk();
});
afterAll(() => desk[Symbol.asyncDispose]());

it("notification's NotificationSent counts the order as notified, once however often it comes", async () => {
  const check = async () => expect(await desk.steps()).toEqual({ NOTIFIED: 1 });

  await sent().handledBy(inTurn(desk.handleAnew, desk.begin, check), { deliveries: ['once', 'redelivered'] });
});
