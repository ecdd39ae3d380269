// Synthetic orders in the real order service: who may place them, what its neighbours see, and how they are cleaned up.
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const headers = { 'x-synthetic-credential': TEST_CREDENTIAL };
const test = { synthetic: true, items: [{ productId: 'test-product', quantity: 1 }] };

const place = (world: OrderFixture, change: Parameters<typeof validRequest>[0] = {}) =>
  world.client.createOrder(validRequest({ ...test, ...change }), { headers });

describe('a synthetic order', () => {
  it('goes the whole way, marked in every call and event, with the credential shown to both neighbours', async () => {
    await using world = await startOrderFixture();
    const { order } = await place(world);
    expect(order).toMatchObject({ synthetic: true, status: OrderStatus.CONFIRMED });
    const [reserve] = world.inventory.virtual.calls(InventoryService.method.reserveStock);
    const [pay] = world.payment.virtual.calls(PaymentService.method.processPayment);
    for (const call of [reserve, pay]) {
      expect(call?.requestHeader.get('x-synthetic-credential')).toBe(TEST_CREDENTIAL);
      expect(call?.request).toMatchObject({ synthetic: true });
    }
    await expect.poll(() => readEventBodies(world.nats, OrderCreatedSchema)).toMatchObject([{ synthetic: true }]);
  });

  it('shows no dependency the credential of its caller when it is not synthetic', async () => {
    await using world = await startOrderFixture();
    await world.client.createOrder(validRequest({}), { headers });
    const [reserve] = world.inventory.virtual.calls(InventoryService.method.reserveStock);
    expect(reserve?.requestHeader.has('x-synthetic-credential')).toBe(false);
  });

  it('is gone after its retention, key and all; a real one, and one still owed something, stay', async () => {
    await using world = await startOrderFixture();
    await place(world, { idempotencyKey: 'ended' });
    const { order: owed } = await place(world, { idempotencyKey: 'owed' });
    const { order: real } = await world.place({ idempotencyKey: 'real' });
    await world.sql(
      `update orders set status = 'FAILED', verdict = 'FAIL', release_owed = true, resume_time = now() + interval '1 day'
       where order_id = $1`,
      [owed!.orderId],
    );
    await world.sql(`update orders set update_time = now() - interval '25 hours'`);
    await world.sql(`update order_key set create_time = now() - interval '25 hours'`);

    await world.startReplica();

    const left = async () =>
      (await world.sql<{ id: string }>('select order_id as id from orders')).map(({ id }) => id).sort();
    await expect.poll(left, { timeout: 10_000 }).toEqual([owed!.orderId, real!.orderId].sort());
    const keys = await world.sql<{ key: string }>('select idempotency_key as key from order_key order by key');
    expect(keys.map(({ key }) => key)).toEqual(['owed', 'real']);
    const { order: again } = await place(world, { idempotencyKey: 'ended' });
    expect(again?.status).toBe(OrderStatus.CONFIRMED);
  });
});
