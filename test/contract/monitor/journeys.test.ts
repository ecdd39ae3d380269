// The monitor's expectations of the order service, recorded from the real journeys and the real client.
// The order service is verified against them.

import { eachLike, like, regex } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { JourneyName } from '#services/monitor/journey.ts';
import { createPolicies } from '#services/monitor/policies.ts';
import { walkJourney } from '#services/monitor/walk-journey.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind } from '#services/platform/observability/tracing.ts';
import { shopContract, TRACED } from '../../support/contracts/contracts.ts';
import { recordedClient } from '../../support/contracts/usage.ts';
import { frozenDeadline, silentLog, TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const ORDER_ID = '0f4b8a9e-5a3d-4c0b-9d4e-7f1c2b3a4d5e';
const LIMIT_MS = 2_000;
const order = shopContract('MonitorService', 'OrderService');
const { createOrder, cancelOrder, watchOrder, quoteOrder } = OrderService.method;

const credential = { ...TRACED, 'x-synthetic-credential': regex(/^[!-~]{16,256}$/, TEST_CREDENTIAL) };
const soon = { atMostMs: LIMIT_MS };
const orderOf = (paymentMethod: string) => ({
  idempotencyKey: like('journey-1'),
  customerId: 'monitor',
  items: [{ productId: 'test-product', quantity: 1 }],
  paymentMethod,
  synthetic: true,
});
const placed = { orderId: like(ORDER_ID), synthetic: true };

/** Runs a journey as the monitor does. Returns the orders it placed. */
async function walk(url: string, journey: JourneyName): Promise<string[]> {
  installTracing();
  const policy = createPolicies(5_000, LIMIT_MS).order;
  const dependency = createDependency({ url, policy, metrics: createMetrics('monitor'), log: silentLog });
  const orders = recordedClient(OrderService, dependency.client(OrderService));
  const ids: string[] = [];
  try {
    await runInSpan({ name: 'journey', kind: SpanKind.INTERNAL }, () =>
      walkJourney(
        { orders, headers: syntheticHeaders(TEST_CREDENTIAL) },
        journey,
        'journey-1',
        frozenDeadline(LIMIT_MS),
        (id) => ids.push(id),
      ),
    );
    return ids;
  } finally {
    await dependency.stop();
  }
}

describe('a journey', () => {
  it('of an order is confirmed', async () => {
    const ids = await order
      .given('the test product is in stock')
      .uponReceiving('a synthetic order that is paid')
      .calls(createOrder, orderOf('pm_approved'))
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({ order: { ...placed, status: OrderStatus.CONFIRMED } })
      .run(({ url }) => walk(url, 'ORDER'));

    expect(ids).toEqual([ORDER_ID]);
  });

  it('of a slow order is watched until it is confirmed', async () => {
    const pending = order
      .given('the test product is in stock, and payment is overloaded')
      .uponReceiving('a synthetic order that has to wait')
      .calls(createOrder, orderOf('pm_approved'))
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({ order: { ...placed, status: OrderStatus.PENDING } });
    const watched = order
      .given('the order is confirmed', { orderId: ORDER_ID })
      .uponReceiving('a watch of a synthetic order')
      .calls(watchOrder, { orderId: like(ORDER_ID) })
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith([{ order: { ...placed, status: OrderStatus.CONFIRMED } }]);

    const ids = await order.run([pending, watched], ({ url }) => walk(url, 'ORDER'));

    expect(ids).toEqual([ORDER_ID]);
  });

  it('of a declined payment fails', async () => {
    const ids = await order
      .given('the test product is in stock, and payment declines')
      .uponReceiving('a synthetic order that is declined')
      .calls(createOrder, orderOf('pm_insufficient_funds'))
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({ order: { ...placed, status: OrderStatus.FAILED, reason: OrderReason.PAYMENT_FAILED } })
      .run(({ url }) => walk(url, 'DECLINE'));

    expect(ids).toEqual([ORDER_ID]);
  });

  it('of a cancellation is cancelled while payment is overloaded', async () => {
    const pending = order
      .given('the test product is in stock, and payment is overloaded')
      .uponReceiving('a synthetic order that is to be cancelled')
      .calls(createOrder, orderOf('pm_provider_error'))
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({ order: { ...placed, status: OrderStatus.PENDING } });
    const cancelled = order
      .given('the order is pending', { orderId: ORDER_ID })
      .uponReceiving('the cancellation of a synthetic order')
      .calls(cancelOrder, { orderId: like(ORDER_ID) })
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({
        order: { ...placed, status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER },
      });

    const ids = await order.run([pending, cancelled], ({ url }) => walk(url, 'CANCEL'));

    expect(ids).toEqual([ORDER_ID]);
  });

  it('of a quote gets the price of one test product', async () => {
    const price = { minorUnits: like(100n) };
    const ids = await order
      .given('the test product is in stock')
      .uponReceiving('a question for the price of the test product')
      .calls(quoteOrder, { customerId: 'monitor', items: [{ productId: 'test-product', quantity: 1 }] })
      .withMetadata(credential)
      .withDeadline(soon)
      .repliesWith({
        total: price,
        pricingVersion: regex(/^v\d+$/, 'v1'),
        lines: eachLike({ productId: 'test-product', quantity: 1, amount: price }, { atMost: 1 }),
      })
      .run(({ url }) => walk(url, 'QUOTE'));

    expect(ids).toEqual([]);
  });
});
