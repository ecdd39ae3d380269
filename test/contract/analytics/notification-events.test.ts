// The event of notification as analytics consumes it: its real handler over its real database.
import { anyTimestamp, like } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { envelopeOf, inTurn, shopContract } from '../../support/contracts/contracts.ts';
import { openSalesFixture, type SalesFixture } from './sales-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
const notification = shopContract('AnalyticsService', 'NotificationService');

const sent = () =>
  notification
    .uponReceiving('the news that a mail was sent')
    .event(
      NotificationSentSchema,
      { orderId: like('61c34fe4-c63b-4f64-80b7-6f53d0928177'), synthetic: false, sendTime: anyTimestamp() },
      envelopeOf(NotificationSentSchema, '80000000-0000-4000-8000-000000000001'),
    );

let fixture: SalesFixture;

// One fixture for the file: every test starts with an empty database.
beforeAll(async () => {
  fixture = await openSalesFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

it("notification's NotificationSent counts the order as notified once, however often it is delivered", async () => {
  const check = async () => expect(await fixture.steps()).toEqual({ NOTIFIED: 1 });

  await sent().handledBy(inTurn(fixture.handleAgain, fixture.begin, check), { deliveries: ['once', 'redelivered'] });
});
