// WatchSales on the real service: the first summary, changes, and the end of the stream.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { SalesSummary } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { publishEvent } from '../../support/events.ts';
import { PATIENCE } from '../../support/patience.ts';
import { type AnalyticsFixture, startAnalyticsFixture } from '../../support/services/analytics.ts';
import { saleOf } from '../../support/services/sales-builders.ts';

/** Watches until it is disposed; `seen` collects the summaries. */
function watch({ client }: Pick<AnalyticsFixture, 'client'>) {
  const controller = new AbortController();
  const seen: SalesSummary[] = [];
  const watching = (async () => {
    try {
      for await (const { summary } of client.watchSales({}, { signal: controller.signal })) {
        if (summary !== undefined) seen.push(summary);
      }
      return undefined;
    } catch (error) {
      return ConnectError.from(error).code;
    }
  })();
  return {
    seen,
    ended: watching,
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await watching;
    },
  };
}

describe('WatchSales', () => {
  it('sends the sales of today at once and after changes, those of other replicas included, and ends with the service', async () => {
    await using house = await startAnalyticsFixture();
    await using replica = await house.startReplica();
    await using here = watch(house);
    await using there = watch(replica);
    await expect.poll(() => [here.seen.length, there.seen.length], PATIENCE).toEqual([1, 1]);
    const confirmTime = timestampFromDate(new Date());

    await publishEvent(house.nats, OrderConfirmedSchema, saleOf('of-today', { confirmTime }));
    await publishEvent(house.nats, OrderConfirmedSchema, saleOf('of-another-day'));

    for (const { seen } of [here, there]) {
      await expect.poll(() => seen.at(-1)?.ordersConfirmed, PATIENCE).toBe(1n);
      expect(seen[0]?.ordersConfirmed).toBe(0n);
      expect(seen.length).toBe(2);
    }
    await house.stop();
    expect([Code.Unavailable, Code.Aborted, undefined]).toContain(await here.ended);
  });
});
