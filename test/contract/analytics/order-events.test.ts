// The events of the order service as analytics consumes them: its real handlers over its real database.
import { anyTimestamp, like } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason } from '#gen/shop/order/v1/order_pb.ts';
import { envelopeOf, inTurn, shopContract } from '../../support/contracts/contracts.ts';
import { euros } from '../../support/services/order-builders.ts';
import { openSalesFixture, type SalesFixture } from './sales-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
const order = shopContract('AnalyticsService', 'OrderService');

const SOLD = '61c34fe4-c63b-4f64-80b7-6f53d0928177';
const FAILED = '72d45af5-d74c-4a75-91c8-7064e1a39288';
const CANCELLED = '83e56b06-e85d-4b86-a2d9-8175f2b4a399';

const created = () =>
  order
    .uponReceiving('the news of an order')
    .event(
      OrderCreatedSchema,
      { orderId: like(SOLD), synthetic: false, createTime: anyTimestamp() },
      envelopeOf(OrderCreatedSchema, '50000000-0000-4000-8000-000000000001'),
    );
const confirmed = () =>
  order.uponReceiving('the news that an order is confirmed').event(
    OrderConfirmedSchema,
    {
      orderId: like(SOLD),
      items: [{ productId: '12345', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: 5_999n } }],
      total: { currencyCode: 'EUR', minorUnits: 5_999n },
      synthetic: false,
      confirmTime: anyTimestamp(),
    },
    envelopeOf(OrderConfirmedSchema, '50000000-0000-4000-8000-000000000002'),
  );
const failed = () =>
  order.uponReceiving('the news that an order has failed').event(
    OrderFailedSchema,
    {
      orderId: like(FAILED),
      reason: OrderReason.PAYMENT_FAILED,
      synthetic: false,
      failTime: anyTimestamp(),
    },
    envelopeOf(OrderFailedSchema, '50000000-0000-4000-8000-000000000003'),
  );
const cancelled = () =>
  order
    .uponReceiving('the news that an order was cancelled')
    .event(
      OrderCancelledSchema,
      { orderId: like(CANCELLED), synthetic: false, cancelTime: anyTimestamp() },
      envelopeOf(OrderCancelledSchema, '50000000-0000-4000-8000-000000000004'),
    );
const refunded = () =>
  order.uponReceiving('the news that an order was refunded').event(
    OrderRefundedSchema,
    {
      orderId: like(SOLD),
      total: { currencyCode: 'EUR', minorUnits: 5_999n },
      synthetic: false,
      refundTime: anyTimestamp(),
    },
    envelopeOf(OrderRefundedSchema, '50000000-0000-4000-8000-000000000005'),
  );

let fixture: SalesFixture;

// One fixture for the file: every test starts with an empty database.
beforeAll(async () => {
  fixture = await openSalesFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe("the order service's event", () => {
  it('OrderConfirmed counts as a sale of its products at the price paid, once however often it is delivered', async () => {
    const check = async () => {
      expect(await fixture.sales()).toMatchObject({
        revenue: [euros(5_999n)],
        products: [{ productId: '12345', quantity: 1n, gross: [euros(5_999n)] }],
        minutes: [{ orders: 1n, revenue: [euros(5_999n)] }],
      });
    };

    await confirmed().handledBy(inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['once', 'redelivered'],
    });
  });

  it('OrderRefunded counts as a refund of what was paid, also before the sale, and leaves the sale as it was', async () => {
    const check = async () => {
      const { revenue, refunds, products } = await fixture.sales();
      expect({ revenue, refunds }).toEqual({ revenue: [euros(5_999n)], refunds: [euros(5_999n)] });
      expect(products).toMatchObject([{ productId: '12345', quantity: 1n }]);
    };

    await order.handle([confirmed(), refunded()], inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['once', 'redelivered', 'reordered'],
    });
  });

  it('OrderCreated, OrderFailed and OrderCancelled count the step, and failures by reason', async () => {
    const check = async () => {
      expect(await fixture.steps()).toEqual({ CREATED: 1, CONFIRMED: 1, FAILED: 1, CANCELLED: 1 });
      expect((await fixture.sales()).failures).toEqual([{ reason: OrderReason.PAYMENT_FAILED, orders: 1n }]);
    };

    await order.handle(
      [created(), confirmed(), failed(), cancelled()],
      inTurn(fixture.handleAgain, fixture.begin, check),
      {
        deliveries: ['once', 'redelivered', 'reordered'],
      },
    );
  });
});
