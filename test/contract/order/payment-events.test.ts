// How the order service handles payment's events: its real handlers over its real database.
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { type OrderEventFixture, openOrderEventFixture } from './event-fixture.ts';

const payment = shopContract('OrderService', 'PaymentService');

const PAID_ORDER = '2d8f0ba0-82f7-4b20-8c73-2b1f9c5e4d33';
const DECLINED_ORDER = '3e901cb1-9308-4c31-9d84-3c20ad6f5e44';

const paymentCompleted = () =>
  payment
    .uponReceiving('the news that an order is paid')
    .event(
      PaymentCompletedSchema,
      { orderId: like(PAID_ORDER) },
      envelopeOf(PaymentCompletedSchema, '20000000-0000-4000-8000-000000000001'),
    );
const paymentFailed = () =>
  payment
    .uponReceiving('the news that a payment was declined')
    .event(
      PaymentFailedSchema,
      { orderId: like(DECLINED_ORDER) },
      envelopeOf(PaymentFailedSchema, '20000000-0000-4000-8000-000000000002'),
    );

let fixture: OrderEventFixture;

// One fixture for the file: every test begins with an empty database.
beforeAll(async () => {
  fixture = await openOrderEventFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const begin = () => fixture.begin(PAID_ORDER, DECLINED_ORDER);

describe("payment's event", () => {
  it('PaymentCompleted makes the blocked order due, and no other', async () => {
    await begin();

    await paymentCompleted().handledBy(fixture.handle);

    expect(await fixture.claimDue()).toEqual([PAID_ORDER]);
    expect(fixture.wakeResumer).toHaveBeenCalledOnce();
  });

  it('PaymentFailed makes the blocked order due, and no other', async () => {
    await begin();

    await paymentFailed().handledBy(fixture.handle);

    expect(await fixture.claimDue()).toEqual([DECLINED_ORDER]);
    expect(fixture.wakeResumer).toHaveBeenCalledOnce();
  });

  it('wakes each order once, however often and in whatever order the events arrive', async () => {
    const check = async () => {
      expect(await fixture.claimDue()).toEqual([PAID_ORDER, DECLINED_ORDER]);
      expect(fixture.wakeResumer).toHaveBeenCalledTimes(2);
    };

    await payment.handle([paymentCompleted(), paymentFailed()], inTurn(fixture.handle, begin, check), {
      deliveries: ['redelivered', 'reordered'],
    });
  });

  it('that was recorded earlier is still handled', async () => {
    const orders = ['973bf7f3-2690-4c6b-8256-a64bae2c246d', 'd952316d-1c06-4b80-a659-afd959ea6c6d'];
    await fixture.begin(PAID_ORDER, ...orders);

    await replayRecordedEvents(recordedEvents(import.meta.url, 'payment-events'), fixture.handle);

    expect(await fixture.claimDue()).toEqual(orders);
  });
});
