// Rebuilds of the sales projection from the streams: on request, once for each key, whatever happens in between.
import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { RebuildState } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { refusalOf } from '../../support/clients.ts';
import { publishEvent } from '../../support/events.ts';
import {
  type AnalyticsFixture,
  awaitCaughtUp,
  type RunningAnalytics,
  startAnalyticsFixture,
} from '../../support/services/analytics.ts';
import { afterNoon, saleOf } from '../../support/services/sales-builders.ts';
import { deleteStream } from '../platform/messaging/admin.ts';

const SOON = { timeout: 20_000, interval: 25 };

/** Later than the beginning of any stream. */
const RECENTLY = timestampFromDate(new Date(Date.now() + 60_000));

async function sell({ nats }: AnalyticsFixture, orderIds: readonly string[], confirmTime = RECENTLY): Promise<void> {
  for (const orderId of orderIds) {
    await publishEvent(nats, OrderConfirmedSchema, saleOf(orderId, { confirmTime }));
  }
}

function awaitDone({ client }: RunningAnalytics, idempotencyKey: string): Promise<void> {
  return vi.waitFor(async () => {
    const { rebuild } = await client.rebuildSales({ idempotencyKey });
    expect(rebuild).toMatchObject({ state: RebuildState.DONE, finishTime: expect.anything() });
  }, SOON);
}

describe('RebuildSales', () => {
  it('corrects damaged sums, counts nothing twice, and leaves no old rows', async () => {
    await using house = await startAnalyticsFixture();
    await sell(house, ['one', 'two', 'three']);
    await awaitCaughtUp(house);
    const before = await house.summary();
    expect(before.ordersConfirmed).toBe(3n);
    await house.sql("delete from order_step where order_id = 'one'");
    await house.sql("update order_step set total_minor = 1 where order_id = 'two'");
    await house.sql("insert into order_step values (1, 'ghost', 'CREATED', now() + interval '1 hour', false)");
    await house.sql("update sale_line set quantity = 99 where order_id = 'three'");
    await house.sql('update step_sum set orders = 99');
    await house.sql('update product_sum set quantity = 99');
    await house.sql('delete from sold_minute');
    await house.sql('update sold_day set minutes = 99');

    await house.client.rebuildSales({ idempotencyKey: 'damage' });
    await awaitDone(house, 'damage');
    await awaitCaughtUp(house);

    expect(await house.summary()).toEqual(before);
    await expect
      .poll(
        () =>
          house.sql(
            `select distinct generation from order_step union select generation from sale_line
             union select generation from step_sum union select generation from product_sum
             union select generation from sold_minute union select generation from sold_day`,
          ),
        SOON,
      )
      .toEqual([{ generation: 2 }]);
  });

  it('serves the old sums, marked, until it is done, and is finished by any replica', async () => {
    await using house = await startAnalyticsFixture();
    await sell(house, ['one', 'two']);
    await awaitCaughtUp(house);
    await house.sql("delete from order_step where order_id = 'one'");
    await house.sql("update step_sum set orders = orders - 1 where step = 'CONFIRMED'");
    await house.nats.stop();

    const { rebuild } = await house.client.rebuildSales({ idempotencyKey: 'first' });
    const again = await house.client.rebuildSales({ idempotencyKey: 'first' });
    const other = await refusalOf(house.client.rebuildSales({ idempotencyKey: 'second' }));
    const during = await house.summary();
    await house.stop();
    await using replica = await house.startReplica();
    await house.nats.restart();
    await awaitDone(replica, 'first');

    expect(rebuild?.state).toBe(RebuildState.RUNNING);
    expect(again.rebuild).toEqual(rebuild);
    expect([other.error.code, other.reason]).toEqual([Code.FailedPrecondition, 'REBUILD_RUNNING']);
    expect(during).toMatchObject({ ordersConfirmed: 1n, rebuilding: true });
    const { summary } = await replica.client.getSalesSummary({ endTime: afterNoon(1e9) });
    expect(summary).toMatchObject({ ordersConfirmed: 2n, rebuilding: false });
  });

  it('keeps the rows whose events the streams no longer hold', async () => {
    await using house = await startAnalyticsFixture();
    await sell(house, ['old'], afterNoon(0));
    await awaitCaughtUp(house);
    await deleteStream(house.nats, 'SHOP_ORDER');
    await sell(house, ['new']);
    await awaitCaughtUp(house);

    await house.client.rebuildSales({ idempotencyKey: 'horizon' });
    await awaitDone(house, 'horizon');

    expect(await house.summary()).toMatchObject({ ordersConfirmed: 2n, products: [{ quantity: 4n }] });
  });

  it('loses no sale and counts none twice while two replicas consume new sales', async () => {
    await using house = await startAnalyticsFixture();
    await using _replica = await house.startReplica();
    const orderIds = Array.from({ length: 300 }, () => randomUUID());
    await sell(house, orderIds.slice(0, 100));
    const selling = Promise.all([sell(house, orderIds.slice(100, 200)), sell(house, orderIds.slice(200))]);

    for (const key of ['first', 'second']) {
      await house.client.rebuildSales({ idempotencyKey: key });
      await awaitDone(house, key);
    }
    await selling;
    await awaitCaughtUp(house);

    expect(await house.summary()).toMatchObject({ ordersConfirmed: 300n, products: [{ quantity: 600n }] });
    expect(await house.sql('select count(*)::int from inbox')).toEqual([{ count: 300 }]);
  });
});
