// The events in notification's real stream, verified against its consumers' contracts.
import { randomUUID } from 'node:crypto';
import { verifyEvents } from '@touchstone/kit';
import { expect, it } from 'vitest';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { captureEvents, contractFile } from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { publishEvent } from '../../support/events.ts';
import { orderConfirmed, startNotificationFixture } from '../../support/services/notification.ts';

it("notification's stream has every event that AnalyticsService relies on: subject, headers and body", async () => {
  await using office = await startNotificationFixture();

  const verification = await verifyEvents({
    contracts: contractFile('AnalyticsService', 'NotificationService'),
    provider: 'NotificationService',
    types: [NotificationSentSchema],
    publish: async ({ description, subject }) => {
      if (description !== 'the news that a mail was sent') throw new Error(`no use case publishes "${description}"`);
      const orderId = randomUUID();
      await publishEvent(office.nats, OrderConfirmedSchema, orderConfirmed(orderId));
      return await captureEvents(office.nats, subject, orderId);
    },
  });

  await keepVerification(contractFile('AnalyticsService', 'NotificationService'), 'events', verification);
  verification.assertHonoured();
  expect(verification.interactions).toHaveLength(1);
});
