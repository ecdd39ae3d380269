import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SalesSummarySchema, SalesStep as StepNumber } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { GetSalesSummaryRequestSchema } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { getSalesSummary } from '#services/analytics/get-sales-summary.ts';
import { afterNoon, NOON } from '../../support/services/sales-builders.ts';
import { createFakeSales, rowsOf } from './fakes.ts';

type Init = Parameters<typeof create<typeof GetSalesSummaryRequestSchema>>[1];

async function ask(init: Init = {}) {
  const store = createFakeSales();
  store.rows = rowsOf({ steps: [{ step: 'CONFIRMED', orders: 2n }], failures: [{ reason: 99, orders: 1n }] });
  const request = create(GetSalesSummaryRequestSchema, init);
  const { summary } = await getSalesSummary({ store, now: () => NOON }, request);
  return { summary, span: store.sum.mock.calls[0]?.[0] };
}

describe('GetSalesSummary', () => {
  it('queries everything so far when no span is given, with an open end, for which the sums of days are read', async () => {
    expect((await ask()).span).toEqual({ start: undefined, end: undefined });
  });

  it('queries the given span, both sides rounded up to milliseconds', async () => {
    const { seconds } = afterNoon(0);

    const { span } = await ask({ startTime: { seconds, nanos: 1 }, endTime: { seconds, nanos: 2_000_000 } });

    const later = (milliseconds: number) => new Date(NOON.getTime() + milliseconds);
    expect(span).toEqual({ start: later(1), end: later(2) });
  });

  it('returns every step by its enum number, and passes on a reason of a newer contract', async () => {
    const { summary } = await ask();

    const numbers = Object.values(StepNumber).filter((step) => step !== StepNumber.UNSPECIFIED);
    expect(summary.steps.map(({ step }) => step)).toEqual(numbers);
    expect(summary).toMatchObject({ ordersConfirmed: 2n, failures: [{ reason: 99, orders: 1n }] });
  });

  it('answers with the largest int64 where a sum is larger, and can be sent', async () => {
    const largest = 2n ** 63n - 1n;
    const money = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
    const store = createFakeSales();
    store.rows = rowsOf({
      revenue: [money(largest + 1n), money(largest - 1n)],
      minutes: [{ minute: NOON, orders: 2n, revenue: money(2n * largest) }],
      products: [{ productId: 'p', name: 'P', quantity: largest + 1n, gross: money(2n ** 70n) }],
    });

    const { summary } = await getSalesSummary({ store, now: () => NOON }, create(GetSalesSummaryRequestSchema));

    expect(summary).toMatchObject({
      revenue: [money(largest), money(largest - 1n)],
      minutes: [{ revenue: [money(largest)] }],
      products: [{ quantity: largest, gross: [money(largest)] }],
    });
    expect(() => toJson(SalesSummarySchema, create(SalesSummarySchema, summary))).not.toThrow();
    expect(() => toBinary(SalesSummarySchema, create(SalesSummarySchema, summary))).not.toThrow();
  });

  it.each<[string, Init, string]>([
    ['is empty', { startTime: afterNoon(-1), endTime: afterNoon(-1) }, 'end_time: must be after start_time'],
    ['begins now', { startTime: afterNoon(0) }, 'start_time: must be in the past when there is no end_time'],
    [
      'has no times of our years',
      { startTime: { seconds: 0n, nanos: -1 }, endTime: { seconds: 1n << 62n, nanos: 0 } },
      'start_time: must be a time of the years 1 to 9999; end_time: must be a time of the years 1 to 9999',
    ],
  ])('refuses a span that %s', async (_fault, init, words) => {
    await expect(ask(init)).rejects.toMatchObject({ reason: 'INVALID_REQUEST', message: words });
  });
});
