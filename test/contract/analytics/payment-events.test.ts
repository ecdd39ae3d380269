// The events of payment as analytics consumes them: its real handlers over its real database.
import { anyTimestamp, like } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import { envelopeOf, inTurn, shopContract } from '../../support/contracts/contracts.ts';
import { openSalesFixture, type SalesFixture } from './sales-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
const payment = shopContract('AnalyticsService', 'PaymentService');

const PAID_ORDER = '2d8f0ba0-82f7-4b20-8c73-2b1f9c5e4d33';
const DECLINED_ORDER = '3e901cb1-9308-4c31-9d84-3c20ad6f5e44';

const completed = () =>
  payment
    .uponReceiving('the news that an order is paid')
    .event(
      PaymentCompletedSchema,
      { orderId: like(PAID_ORDER), synthetic: false, completeTime: anyTimestamp() },
      envelopeOf(PaymentCompletedSchema, '70000000-0000-4000-8000-000000000001'),
    );
const declined = () =>
  payment
    .uponReceiving('the news that a payment was declined')
    .event(
      PaymentFailedSchema,
      { orderId: like(DECLINED_ORDER), synthetic: false, failTime: anyTimestamp() },
      envelopeOf(PaymentFailedSchema, '70000000-0000-4000-8000-000000000002'),
    );
const refunded = () =>
  payment
    .uponReceiving('PaymentRefunded for an order')
    .event(
      PaymentRefundedSchema,
      { orderId: like(PAID_ORDER), synthetic: false, refundTime: anyTimestamp() },
      envelopeOf(PaymentRefundedSchema, '70000000-0000-4000-8000-000000000003'),
    );

let fixture: SalesFixture;

// One fixture for the file: every test starts with an empty database.
beforeAll(async () => {
  fixture = await openSalesFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

it("payment's events each count their step once, however often they are delivered", async () => {
  const check = async () => expect(await fixture.steps()).toEqual({ PAID: 1, DECLINED: 1, REFUNDED: 1 });

  await payment.handle([completed(), declined(), refunded()], inTurn(fixture.handleAgain, fixture.begin, check), {
    deliveries: ['once', 'redelivered', 'reordered'],
  });
});
