// OrderConfirmed as notification consumes it: its real handler over its real database.
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { euros } from '../../support/services/order-builders.ts';
import { type NotificationsFixture, openNotificationFixture } from './notification-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
const order = shopContract('NotificationService', 'OrderService');

const FIRST = '61c34fe4-c63b-4f64-80b7-6f53d0928177';
const SECOND = '72d45af5-d74c-4a75-91c8-7064e1a39288';

const confirmed = () =>
  order.uponReceiving('the news that an order is confirmed').event(
    OrderConfirmedSchema,
    {
      orderId: like(FIRST),
      customerId: 'cust123',
      items: [{ productId: '12345', quantity: 1 }],
      total: { currencyCode: 'EUR', minorUnits: 5_999n },
      synthetic: false,
    },
    envelopeOf(OrderConfirmedSchema, '40000000-0000-4000-8000-000000000001'),
  );
const anotherConfirmed = () =>
  order.uponReceiving('the news that an order of several products is confirmed').event(
    OrderConfirmedSchema,
    {
      orderId: like(SECOND),
      customerId: 'cust456',
      items: [
        { productId: 'prod456', quantity: 2 },
        { productId: 'prod789', quantity: 1 },
      ],
      total: { currencyCode: 'EUR', minorUnits: 5_250n },
    },
    envelopeOf(OrderConfirmedSchema, '40000000-0000-4000-8000-000000000002'),
  );

let fixture: NotificationsFixture;

// One fixture for the file: every test starts with an empty database.
beforeAll(async () => {
  fixture = await openNotificationFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('OrderConfirmed', () => {
  it('becomes the one notification of the order, with the content of the mail', async () => {
    const check = async () => {
      expect(await fixture.notifications()).toMatchObject({
        [FIRST]: {
          customerId: 'cust123',
          type: 'ORDER_CONFIRMATION',
          status: 'PENDING',
          items: [{ productId: '12345', quantity: 1 }],
          total: euros(5_999n),
        },
      });
      expect(fixture.wakeMailer).toHaveBeenCalledOnce();
    };

    await confirmed().handledBy(inTurn(fixture.handle, fixture.begin, check), { deliveries: ['once', 'redelivered'] });
  });

  it('of several orders becomes one notification each, in any order of delivery, with an empty inbox', async () => {
    const check = async () => {
      expect(Object.keys(await fixture.notifications()).sort()).toEqual([FIRST, SECOND]);
      expect(fixture.wakeMailer).toHaveBeenCalledTimes(2);
    };

    await order.handle([confirmed(), anotherConfirmed()], inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['redelivered', 'reordered'],
    });
  });

  it('recorded earlier is still read: of customers, and of a synthetic order, which is not mailed', async () => {
    const recorded = recordedEvents(import.meta.url, 'order-confirmed');
    await fixture.begin();

    await replayRecordedEvents(recorded, fixture.handle);

    const statuses = Object.values(await fixture.notifications()).map(({ status }) => status);
    expect(statuses.sort()).toEqual(['PENDING', 'PENDING', 'SUPPRESSED']);
  });
});
