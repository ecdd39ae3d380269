// Sums that no int64 holds, in every protocol: what the contract promises for them is what a client reads.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { publishEvent } from '../../support/events.ts';
import { callRaw, clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import {
  type AnalyticsFixture,
  awaitCaughtUp,
  readSummary,
  startAnalyticsFixture,
} from '../../support/services/analytics.ts';
import { saleOf } from '../../support/services/sales-builders.ts';

const LARGEST = 2n ** 63n - 1n;

let house: AnalyticsFixture;

beforeAll(async () => {
  house = await startAnalyticsFixture();
  for (const orderId of ['one', 'two']) {
    const total = { currencyCode: 'EUR', minorUnits: LARGEST };
    await publishEvent(house.nats, OrderConfirmedSchema, saleOf(orderId, { total }));
  }
  await awaitCaughtUp(house);
});
afterAll(() => house?.[Symbol.asyncDispose]());

it.each(PROTOCOLS)('by %s are the largest int64, and the other sums of the span are exact', async (protocol) => {
  const summary = await readSummary(clientBy(protocol, house.url, AnalyticsService));

  const revenue = [{ currencyCode: 'EUR', minorUnits: LARGEST }];
  expect(summary).toMatchObject({ ordersConfirmed: 2n, revenue, minutes: [{ ordersConfirmed: 2n, revenue }] });
});

it('are text in JSON, as every int64 is', async () => {
  const { text } = await callRaw(house.url, `${AnalyticsService.typeName}/GetSalesSummary`, { body: '{}' });

  expect(text).toContain(`"revenue":[{"currencyCode":"EUR","minorUnits":"${LARGEST}"}]`);
});
