// Services stop and start while orders are in flight: every acknowledged order completes.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { renderTable } from '#local/stack/stack-table.ts';
import { connectByReflection, readStream } from '../support/reflection-client.ts';
import { orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const ORDERS = 40;
const LEAST_IN_FLIGHT = 20;
const PATIENCE = { timeout: 60_000, interval: 50 };

describe('a service that is stopped', () => {
  let platform: TestStack;

  beforeAll(async () => {
    platform = await useSharedStack('restarted');
  });
  afterAll(() => platform?.[Symbol.asyncDispose]());

  it.each<ServiceName>(['order', 'inventory', 'payment', 'notification', 'analytics'])(
    '%s loses no order when SIGTERM comes with twenty in flight',
    async (service) => {
      await platform.inventory.adjustStock({ idempotencyKey: `for-${service}`, productId: 'prod789', delta: ORDERS });
      let inFlight = 0;
      const answers = Array.from({ length: ORDERS }, async () => {
        inFlight += 1;
        try {
          return await platform.orders.createOrder(orderRequest({ items: [{ productId: 'prod789', quantity: 1 }] }));
        } finally {
          inFlight -= 1;
        }
      });
      const settled = Promise.allSettled(answers);
      await Promise.any(answers);
      expect(inFlight).toBeGreaterThanOrEqual(LEAST_IN_FLIGHT);
      const pidOf = async () => (await platform.stack.rows()).find(({ name }) => name === service)?.pid;
      const before = await pidOf();
      await platform.stack.kill(service, 'SIGTERM');

      const orderIds = (await settled).flatMap((result) =>
        result.status === 'fulfilled' && result.value.order !== undefined ? [result.value.order.orderId] : [],
      );
      // Until it has ended, it is still the healthy process of before.
      await expect.poll(pidOf, { timeout: 60_000 }).not.toBe(before);
      await platform.stack.waitUntilHealthy(service);

      expect(orderIds.length).toBeGreaterThan(0);
      await expect.poll(() => countPending(platform, orderIds), { timeout: 60_000, interval: 250 }).toBe(0);
    },
  );

  it('tells its watchers by Health.Watch before their connection ends', async () => {
    const client = await connectByReflection(new URL(platform.stack.url('notification')).host, 'grpc.health.v1.Health');
    try {
      const watch = readStream<{ status: string }>(client, 'watch', { service: '' });
      await vi.waitFor(() => expect(watch.answers).toEqual([{ status: 'SERVING' }]), PATIENCE);

      await platform.stack.stop('notification');

      expect((await watch.ended)?.code).toBe(GrpcStatus.UNAVAILABLE);
      expect(watch.answers.at(-1)).toEqual({ status: 'NOT_SERVING' });
    } finally {
      client.close();
      await platform.stack.start('notification');
    }
  });

  it('has a new pid in the printed table after its restart', async () => {
    const row = async () => (await platform.stack.rows()).find(({ name }) => name === 'notification')!;
    const before = await row();
    await platform.stack.kill('notification');
    await platform.stack.waitUntilHealthy('notification');

    await vi.waitFor(async () => expect(await row()).toMatchObject({ health: 'healthy' }), PATIENCE);

    const after = await row();
    expect(after).toMatchObject({ restarts: before.restarts + 1 });
    expect(after.pid).not.toBe(before.pid);
    expect(renderTable([after])).toMatch(new RegExp(` ${after.pid} +healthy`));
  });

  it('reports when it started, with a new time after its restart', async () => {
    const startTime = async () => {
      const { status } = await platform.client('notification', OpsService).getStatus({});
      return status?.startTime === undefined ? 0 : timestampMs(status.startTime);
    };
    const before = await startTime();
    await platform.stack.stop('notification');
    await platform.stack.start('notification');

    expect(await vi.waitFor(startTime, PATIENCE)).toBeGreaterThan(before);
  });

  it('finds earlier orders after every service was restarted', async () => {
    const { order } = await platform.orders.createOrder(orderRequest());
    for (const service of platform.stack.services) await platform.stack.stop(service);
    for (const service of platform.stack.services) await platform.stack.start(service);

    const found = await platform.orders.getOrder({ orderId: order?.orderId ?? '' });

    expect(found.order?.status).toBe(OrderStatus.CONFIRMED);
  });
});

async function countPending(platform: TestStack, orderIds: readonly string[]): Promise<number> {
  const orders = await Promise.all(orderIds.map((orderId) => platform.orders.getOrder({ orderId })));
  return orders.filter(({ order }) => order?.status === OrderStatus.PENDING).length;
}
