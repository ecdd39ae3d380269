// From the events of all services to the sums, on the real service.
import { describe, expect, it, vi } from 'vitest';
import { type SalesStep, SalesStepSchema } from '#gen/shop/analytics/v1/analytics_pb.ts';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason } from '#gen/shop/order/v1/order_pb.ts';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import { publishAgain, publishEvent } from '../../support/events.ts';
import { PATIENCE } from '../../support/patience.ts';
import { awaitCaughtUp, startAnalyticsFixture } from '../../support/services/analytics.ts';
import { afterNoon, NOON, saleOf } from '../../support/services/sales-builders.ts';

const EUROS = (minorUnits: bigint) => expect.objectContaining({ currencyCode: 'EUR', minorUnits });

describe('the sales', () => {
  it('are summed up from the events of every service: steps, revenue, products, minutes and failures', async () => {
    await using house = await startAnalyticsFixture();
    const { nats } = house;
    const time = afterNoon(0);
    await publishEvent(nats, ProductChangedSchema, {
      productId: 'prod456',
      name: 'Mug',
      version: 1n,
      changeTime: time,
    });
    for (const orderId of ['sold', 'failed', 'cancelled', 'short']) {
      await publishEvent(nats, OrderCreatedSchema, { orderId, version: 1n, createTime: time });
    }
    for (const orderId of ['sold', 'failed', 'cancelled']) {
      await publishEvent(nats, StockReservedSchema, { orderId, reserveTime: time });
    }
    await publishEvent(nats, InsufficientStockSchema, { orderId: 'short', rejectTime: time });
    await publishEvent(nats, PaymentCompletedSchema, { orderId: 'sold', completeTime: time });
    await publishEvent(nats, PaymentCompletedSchema, { orderId: 'cancelled', completeTime: time });
    await publishEvent(nats, PaymentFailedSchema, { orderId: 'failed', failTime: time });
    await publishEvent(nats, OrderConfirmedSchema, saleOf('sold', { confirmTime: afterNoon(61) }));
    await publishEvent(nats, OrderFailedSchema, {
      orderId: 'failed',
      reason: OrderReason.PAYMENT_FAILED,
      failTime: time,
    });
    await publishEvent(nats, OrderFailedSchema, {
      orderId: 'short',
      reason: OrderReason.INSUFFICIENT_STOCK,
      failTime: time,
    });
    await publishEvent(nats, OrderCancelledSchema, { orderId: 'cancelled', cancelTime: time });
    await publishEvent(nats, StockReleasedSchema, { orderId: 'failed', releaseTime: time });
    await publishEvent(nats, StockReleasedSchema, { orderId: 'cancelled', releaseTime: time });
    await publishEvent(nats, PaymentRefundedSchema, { orderId: 'cancelled', refundTime: time });
    await publishEvent(nats, NotificationSentSchema, { notificationId: 'n', orderId: 'sold', sendTime: time });
    await publishEvent(nats, OrderRefundedSchema, {
      orderId: 'sold',
      total: { currencyCode: 'EUR', minorUnits: 4_000n },
      refundTime: afterNoon(120),
    });

    await vi.waitFor(async () => {
      const summary = await house.summary();
      const nameOf = (step: SalesStep) => SalesStepSchema.value[step]?.localName;
      const steps = Object.fromEntries(summary.steps.map(({ step, orders }) => [nameOf(step), Number(orders)]));
      expect(steps).toEqual({
        ...{ CREATED: 4, RESERVED: 3, SHORT: 1, PAID: 2, DECLINED: 1, CONFIRMED: 1, NOTIFIED: 1, FAILED: 2 },
        ...{ CANCELLED: 1, RELEASED: 2, REFUNDED: 1, ORDER_REFUNDED: 1 },
      });
      expect(summary).toMatchObject({
        ordersCreated: 4n,
        ordersConfirmed: 1n,
        ordersFailed: 2n,
        ordersCancelled: 1n,
        ordersRefunded: 1n,
        revenue: [EUROS(4_000n)],
        refunds: [EUROS(4_000n)],
        products: [{ productId: 'prod456', name: 'Mug', quantity: 2n, gross: [EUROS(4_000n)] }],
        minutes: [{ minute: afterNoon(60), ordersConfirmed: 1n, revenue: [EUROS(4_000n)] }],
        failures: [
          { reason: OrderReason.INSUFFICIENT_STOCK, orders: 1n },
          { reason: OrderReason.PAYMENT_FAILED, orders: 1n },
        ],
        syntheticOrders: 0n,
        rebuilding: false,
      });
    }, PATIENCE);
  });

  it('count each step of an order once: redelivered, in a second event, and in any order', async () => {
    await using house = await startAnalyticsFixture();
    await using _replica = await house.startReplica();
    for (const orderId of ['one', 'two']) {
      const confirmed = await publishEvent(house.nats, OrderConfirmedSchema, saleOf(orderId));
      await publishAgain(house.nats, confirmed);
      await publishEvent(house.nats, OrderConfirmedSchema, saleOf(orderId));
      const total = { currencyCode: 'EUR', minorUnits: 4_000n };
      const refunded = await publishEvent(house.nats, OrderRefundedSchema, {
        orderId,
        total,
        refundTime: afterNoon(9),
      });
      await publishAgain(house.nats, refunded);
      await publishEvent(house.nats, OrderRefundedSchema, { orderId, total, refundTime: afterNoon(9) });
      await publishEvent(house.nats, OrderCreatedSchema, { orderId, createTime: afterNoon(0) });
    }

    await awaitCaughtUp(house);
    expect(await house.summary()).toMatchObject({
      ordersCreated: 2n,
      ordersConfirmed: 2n,
      ordersRefunded: 2n,
      revenue: [EUROS(8_000n)],
      refunds: [EUROS(8_000n)],
      products: [{ quantity: 4n }],
    });
  });

  it('contain only the count of synthetic orders', async () => {
    await using house = await startAnalyticsFixture();
    const test = { orderId: 'test', synthetic: true };
    await publishEvent(house.nats, OrderCreatedSchema, { ...test, createTime: afterNoon(0) });
    await publishEvent(house.nats, StockReservedSchema, { ...test, reserveTime: afterNoon(0) });
    await publishEvent(house.nats, OrderConfirmedSchema, saleOf('test', { synthetic: true }));
    const total = { currencyCode: 'EUR', minorUnits: 4_000n };
    await publishEvent(house.nats, OrderRefundedSchema, { ...test, total, refundTime: afterNoon(0) });
    await publishEvent(house.nats, OrderCreatedSchema, { orderId: 'real', createTime: afterNoon(0) });

    await awaitCaughtUp(house);
    const summary = await house.summary();
    expect(summary).toMatchObject({ ordersCreated: 1n, ordersConfirmed: 0n, syntheticOrders: 1n });
    expect(summary).toMatchObject({ revenue: [], refunds: [], products: [], minutes: [] });
    expect(summary.steps.reduce((sum, { orders }) => sum + orders, 0n)).toBe(1n);
  });

  it('are exact beyond the safe integers, by currency', async () => {
    await using house = await startAnalyticsFixture();
    const huge = 9_007_199_254_740_993n;
    for (const [orderId, currencyCode] of [
      ['one', 'EUR'],
      ['two', 'EUR'],
      ['three', 'CHF'],
    ] as const) {
      const total = { currencyCode, minorUnits: huge };
      const items = [{ productId: 'prod456', quantity: 1, unitPrice: total }];
      await publishEvent(house.nats, OrderConfirmedSchema, saleOf(orderId, { total, items }));
    }

    await awaitCaughtUp(house);
    const amounts = [expect.objectContaining({ currencyCode: 'CHF', minorUnits: huge }), EUROS(2n * huge)];
    expect(await house.summary()).toMatchObject({
      revenue: amounts,
      products: [{ quantity: 3n, gross: amounts }],
      minutes: [{ ordersConfirmed: 3n, revenue: amounts }],
    });
  });

  it('reject an event that cannot be counted, and continue with the next', async () => {
    await using house = await startAnalyticsFixture();
    await publishEvent(house.nats, OrderConfirmedSchema, { orderId: 'no-total-no-time' });
    await publishEvent(house.nats, OrderConfirmedSchema, saleOf('sold'));

    await awaitCaughtUp(house);
    expect(await house.summary()).toMatchObject({ ordersConfirmed: 1n });
    const { deadLetters } = await house.ops.listDeadLetters({});
    expect(deadLetters.map(({ error }) => error)).toEqual(['total: must be set; confirm_time: must be set']);
  });
});

describe('GetSalesSummary', () => {
  it('includes the start of the span and excludes its end', async () => {
    await using house = await startAnalyticsFixture();
    for (const [index, seconds] of [0, 60, 120].entries()) {
      await publishEvent(house.nats, OrderConfirmedSchema, saleOf(`${index}`, { confirmTime: afterNoon(seconds) }));
    }
    await awaitCaughtUp(house);
    const count = async (from?: number, to?: number) => {
      const { summary } = await house.client.getSalesSummary({
        ...(from === undefined ? {} : { startTime: afterNoon(from) }),
        ...(to === undefined ? {} : { endTime: afterNoon(to) }),
      });
      return [summary?.ordersConfirmed, summary?.minutes.length, summary?.products[0]?.quantity ?? 0n];
    };

    expect(await count()).toEqual([3n, 3, 6n]);
    expect(await count(60)).toEqual([2n, 2, 4n]);
    expect(await count(0, 60)).toEqual([1n, 1, 2n]);
    expect(await count(0.001, 60)).toEqual([0n, 0, 0n]);
    expect(await count(0, 60.001)).toEqual([2n, 2, 4n]);
  });

  it('lists the latest minutes and the best products, and counts those left out', async () => {
    await using house = await startAnalyticsFixture();
    await house.sql(
      `insert into order_step (generation, order_id, step, time, synthetic, currency_code, total_minor)
       select 1, n::text, 'CONFIRMED', $1::timestamptz + n * interval '1 minute', false, 'EUR', 1 from generate_series(1, 1450) n`,
      [NOON],
    );
    await house.sql(
      `insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
       select 1, n::text, 'p' || n, $1, n, 'EUR', 1 from generate_series(1, 1005) n`,
      [NOON],
    );

    const summary = await house.summary();

    expect([summary.minutes.length, summary.minutesLeftOut, summary.ordersConfirmed]).toEqual([1_440, 10n, 1_450n]);
    expect(summary.minutes[0]?.minute).toEqual(afterNoon(11 * 60));
    expect([summary.products.length, summary.productsLeftOut]).toEqual([1_000, 5n]);
    expect(summary.products.map(({ productId }) => productId)).not.toContain('p5');
    expect(summary.revenue).toEqual([EUROS(1_450n)]);
  });

  it('lists the first by id of products that were sold equally often', async () => {
    await using house = await startAnalyticsFixture();
    await house.sql(
      `insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
       select 1, n::text, 'p' || n, $1, 1, 'EUR', 1 from generate_series(1001, 2005) n`,
      [NOON],
    );

    const { products, productsLeftOut } = await house.summary();

    expect([products.length, productsLeftOut]).toEqual([1_000, 5n]);
    expect(products.at(-1)?.productId).toBe('p2000');
  });
});
