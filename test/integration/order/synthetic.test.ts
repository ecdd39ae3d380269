// Synthetic orders in the real order service: who may place them, what its dependencies receive, and how they are pruned.
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import { PATIENT } from './patience.ts';

const headers = { 'x-synthetic-credential': TEST_CREDENTIAL };
const test = { synthetic: true, items: [{ productId: 'test-product', quantity: 1 }] };

const place = (fixture: OrderFixture, change: Parameters<typeof validRequest>[0] = {}) =>
  fixture.client.createOrder(validRequest({ ...test, ...change }), { headers });

describe('a synthetic order', () => {
  it('is confirmed, flagged in every call and event, with the credential sent to both dependencies', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await place(fixture);
    expect(order).toMatchObject({ synthetic: true, status: OrderStatus.CONFIRMED });
    const [reserve] = fixture.inventory.virtual.calls(InventoryService.method.reserveStock);
    const [pay] = fixture.payment.virtual.calls(PaymentService.method.processPayment);
    for (const call of [reserve, pay]) {
      expect(call?.requestHeader.get('x-synthetic-credential')).toBe(TEST_CREDENTIAL);
      expect(call?.request).toMatchObject({ synthetic: true });
    }
    await expect.poll(() => readEventBodies(fixture.nats, OrderCreatedSchema)).toMatchObject([{ synthetic: true }]);
  });

  it('that is not flagged sends its own credential to no dependency', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.client.createOrder(validRequest({}), { headers });
    const [reserve] = fixture.inventory.virtual.calls(InventoryService.method.reserveStock);
    expect(reserve?.requestHeader.has('x-synthetic-credential')).toBe(false);
  });

  it('is pruned after its key, once its retention is over; a real one, and one that owes compensation, stay', {
    tags: 'seed-8.1',
  }, async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await place(fixture, { idempotencyKey: 'ended' });
    const { order: owed } = await place(fixture, { idempotencyKey: 'owed' });
    const { order: keyed } = await place(fixture, { idempotencyKey: 'younger key' });
    const { order: real } = await fixture.place({ idempotencyKey: 'real' });
    await fixture.sql(
      `update orders set status = 'FAILED', verdict = 'FAIL', release_owed = true, resume_time = now() + interval '1 day'
       where order_id = $1`,
      [owed!.orderId],
    );
    await fixture.sql(`update orders set update_time = now() - interval '25 hours'`);
    await fixture.sql(
      `update order_key set create_time = now() - interval '25 hours' where idempotency_key <> 'younger key'`,
    );

    await fixture.startReplica();

    const left = async () =>
      (await fixture.sql<{ id: string }>('select order_id as id from orders')).map(({ id }) => id).sort();
    await expect.poll(left).toEqual([keyed!.orderId, owed!.orderId, real!.orderId].sort());
    const keys = await fixture.sql<{ key: string }>('select idempotency_key as key from order_key order by key');
    expect(keys.map(({ key }) => key)).toEqual(['owed', 'real', 'younger key']);
    const { order: again } = await place(fixture, { idempotencyKey: 'ended' });
    expect(again?.status).toBe(OrderStatus.CONFIRMED);
  });
});
