// Orders placed on the running platform are in the sales within the seed's bound, exactly, and rebuilt alike.
import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RebuildState } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { checkInvariants, listViolations, sourcesOf } from '../../support/invariants/invariants.ts';
import { readSummary } from '../../support/services/analytics.ts';
import { addProduct, awaitOrder, orderRequest, type TestStack, useSharedStack } from '../../support/stack.ts';

const WITHIN = { timeout: 5_000, interval: 50 };

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('restarted');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

describe('orders', () => {
  it('count as sales within 5 s, and still do so after analytics was killed in the middle of a rebuild', async () => {
    const start = new Date();
    const productId = await addProduct(platform, { minorUnits: 1_250n });
    const items = [{ productId, quantity: 2 }];
    const sold = await Promise.all([1, 2, 3].map(() => platform.orders.createOrder(orderRequest({ items }))));
    const declined = await platform.orders.createOrder(orderRequest({ items, paymentMethod: 'pm_insufficient_funds' }));
    for (const { order } of sold) await awaitOrder(platform, order?.orderId);
    await awaitOrder(platform, declined.order?.orderId, OrderStatus.FAILED);
    const expected = {
      ordersCreated: 4n,
      ordersConfirmed: 3n,
      ordersFailed: 1n,
      revenue: [{ currencyCode: 'EUR', minorUnits: 7_500n }],
      products: [{ productId, name: 'Tin whistle', quantity: 6n, gross: [{ minorUnits: 7_500n }] }],
      failures: [{ reason: OrderReason.PAYMENT_FAILED, orders: 1n }],
    };

    await expect
      .poll(() => platform.analytics.getSalesSummary({ startTime: timestampFromDate(start) }), WITHIN)
      .toMatchObject({ summary: expected });

    const idempotencyKey = randomUUID();
    await platform.analytics.rebuildSales({ idempotencyKey });
    await platform.stack.kill('analytics');
    await platform.stack.waitUntilHealthy('analytics');
    await expect
      .poll(() => platform.analytics.rebuildSales({ idempotencyKey }), { timeout: 60_000, interval: 100 })
      .toMatchObject({ rebuild: { state: RebuildState.DONE } });

    const verdicts = await checkInvariants(sourcesOf(platform.stack), { openingStock: new Map([[productId, 10]]) });
    expect(listViolations(verdicts)).toEqual([]);
    expect(await readSummary(platform.analytics, start)).toMatchObject({
      ...expected,
      syntheticOrders: 0n,
      rebuilding: false,
    });
  });

  it('that are refunded count as refunds within 5 s, beside the sale, and the invariants hold', async () => {
    const start = new Date();
    const productId = await addProduct(platform, { minorUnits: 1_250n });
    const items = [{ productId, quantity: 2 }];
    const [kept, returned] = await Promise.all([1, 2].map(() => platform.orders.createOrder(orderRequest({ items }))));
    await awaitOrder(platform, kept?.order?.orderId);
    const { orderId } = await awaitOrder(platform, returned?.order?.orderId);

    await platform.orders.refundOrder({ orderId });

    await expect
      .poll(() => platform.analytics.getSalesSummary({ startTime: timestampFromDate(start) }), WITHIN)
      .toMatchObject({
        summary: {
          ordersConfirmed: 2n,
          ordersRefunded: 1n,
          revenue: [{ currencyCode: 'EUR', minorUnits: 5_000n }],
          refunds: [{ currencyCode: 'EUR', minorUnits: 2_500n }],
          products: [{ productId, quantity: 4n, gross: [{ minorUnits: 5_000n }] }],
        },
      });
    const verdicts = await checkInvariants(sourcesOf(platform.stack), { openingStock: new Map([[productId, 10]]) });
    expect(listViolations(verdicts)).toEqual([]);
  });
});
