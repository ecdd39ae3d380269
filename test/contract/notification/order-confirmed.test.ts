// What notification makes of OrderConfirmed: its real handler over its real database.
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { euros } from '../../support/services/order-builders.ts';
import { type Counter, openCounter } from './counter.ts';

// Handlers decode events themselves: what they read of them is recorded from there.
vi.mock(import('#services/platform/messaging/event.ts'), async (importOriginal) => {
  const { recordEvents } = await import('../../support/contracts/usage.ts');
  return recordEvents(await importOriginal());
});

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

let counter: Counter;

// One counter for the file: every run of the handler begins anew.
beforeAll(async () => {
  counter = await openCounter();
});
afterAll(() => counter[Symbol.asyncDispose]());

describe('OrderConfirmed', () => {
  it('becomes the one notification of the order, with all that the mail tells', async () => {
    const check = async () => {
      expect(await counter.notifications()).toMatchObject({
        [FIRST]: {
          customerId: 'cust123',
          type: 'ORDER_CONFIRMATION',
          status: 'PENDING',
          items: [{ productId: '12345', quantity: 1 }],
          total: euros(5_999n),
        },
      });
      expect(counter.wakeMailer).toHaveBeenCalledOnce();
    };

    await confirmed().handledBy(inTurn(counter.handle, counter.begin, check), { deliveries: ['once', 'redelivered'] });
  });

  it('of several orders becomes one notification each, in whatever order they come, receipts forgotten', async () => {
    const check = async () => {
      expect(Object.keys(await counter.notifications()).sort()).toEqual([FIRST, SECOND]);
      expect(counter.wakeMailer).toHaveBeenCalledTimes(2);
    };

    await order.handle([confirmed(), anotherConfirmed()], inTurn(counter.handleAnew, counter.begin, check), {
      deliveries: ['redelivered', 'reordered'],
    });
  });

  it('recorded earlier is still understood: of customers, and of a test order, which nobody is told of', async () => {
    const recorded = recordedEvents(import.meta.url, 'order-confirmed');
    await counter.begin();

    await replayRecordedEvents(recorded, counter.handle);

    const statuses = Object.values(await counter.notifications()).map(({ status }) => status);
    expect(statuses.sort()).toEqual(['PENDING', 'PENDING', 'SUPPRESSED']);
  });
});
