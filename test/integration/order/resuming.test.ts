// Orders that nobody waits for any more: after a restart, with two replicas, and woken by their neighbours' events.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { InsufficientStockSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { PaymentCompletedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { publishEvent, readEventBodies } from '../../support/events.ts';
import { type OrderFixture, startOrderFixture } from '../../support/services/order.ts';

const { reserveStock, confirmReservation, releaseReservation } = InventoryService.method;
const { processPayment, refundPayment } = PaymentService.method;

async function statuses(world: OrderFixture): Promise<Record<string, number>> {
  const rows = await world.sql<{ status: string; count: number }>(
    'select status, count(*)::int as count from orders group by status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('after a restart', () => {
  it('a waiting order goes on and is CONFIRMED', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    await world.place();
    await world.service.stop();
    world.payment.virtual
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    await world.startReplica();
    await expect.poll(() => statuses(world), { timeout: 5_000 }).toEqual({ CONFIRMED: 1 });
    await expect.poll(() => readEventBodies(world.nats, OrderConfirmedSchema)).toHaveLength(1);
  });

  it('an order whose replica died in the middle is taken up once its lease is over', async () => {
    await using world = await startOrderFixture();
    const { order } = await world.place();
    // As SIGKILL leaves it after the verdict: pending, leased, and nobody at work.
    await world.sql(
      `update orders set status = 'PENDING', resume_time = now(), lease_until = now() + interval '1 second' where order_id = $1`,
      [order!.orderId],
    );
    const confirmed = await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
    expect(confirmed.transactionId).toBe(order?.transactionId);
    world.payment.virtual.received(processPayment).times(1);
    world.inventory.virtual.received(confirmReservation).times(2);
  });

  it('a cancelled order that is still owed its money gets it', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    world.payment.virtual.stub(refundPayment).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    await world.client.cancelOrder({ orderId: order!.orderId });
    await world.service.stop();
    world.payment.virtual.stub(refundPayment).replies({ charge: { status: ChargeStatus.REFUNDED } });
    const replica = await world.startReplica();
    await expect.poll(async () => (await replica.ops.getStatus({})).status?.openCompensations).toBe(0n);
    expect(await statuses(world)).toEqual({ CANCELLED: 1 });
  });

  it('stopping lets calls that are at work end: each is answered, and none is left in the middle', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual
      .stub(processPayment)
      .delays(300)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    const calls = Array.from({ length: 20 }, () => world.place());
    await expect.poll(() => world.payment.virtual.requests(processPayment).length).toBe(20);
    await world.service.stop();
    const answers = await Promise.all(calls);
    expect(answers.map(({ order }) => order?.status)).toEqual(Array(20).fill(OrderStatus.CONFIRMED));
  });
});

describe('in the background', () => {
  it('failures open no breaker, however many: callers are not refused for them', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    await world.place();
    await expect
      .poll(
        async () => {
          await world.sql(`update orders set resume_time = now() where lease_until <= now()`);
          return world.payment.virtual.requests(processPayment).length;
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBeGreaterThan(6);
    const { status } = await world.service.ops.getStatus({});
    expect(status?.breakers.find(({ dependency }) => dependency === 'payment')?.state).toBe(BreakerState.CLOSED);
  });
});

describe('two replicas', () => {
  it('work off what waits without charging or confirming anything twice in the books', async () => {
    await using world = await startOrderFixture();
    await world.startReplica();
    world.inventory.virtual.stub(reserveStock).fails(Code.ResourceExhausted, 'too many calls');
    const placed = await Promise.all(Array.from({ length: 30 }, () => world.place()));
    expect(new Set(placed.map(({ order }) => order?.status))).toEqual(new Set([OrderStatus.PENDING]));
    world.inventory.virtual
      .stub(reserveStock)
      .replies(({ orderId }) => ({ reservation: { orderId, reservationId: `res-${orderId}` } }));
    await expect.poll(() => statuses(world), { timeout: 10_000 }).toEqual({ CONFIRMED: 30 });
    const told = (await readEventBodies(world.nats, OrderConfirmedSchema)).map(({ orderId }) => orderId);
    expect(new Set(told).size).toBe(told.length);
  });

  it('both at one order do it no harm: one end, told once', async () => {
    await using world = await startOrderFixture();
    await world.startReplica();
    world.inventory.virtual.stub(confirmReservation).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    world.inventory.virtual
      .stub(confirmReservation)
      .delays(200)
      .replies(async () => {
        // The lease is gone while the call is under way: the other replica takes the order up as well.
        await world.sql(`update orders set lease_until = now(), resume_time = now() where status = 'PENDING'`);
        return {};
      });
    await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
    await expect.poll(() => readEventBodies(world.nats, OrderConfirmedSchema)).toHaveLength(1);
    world.payment.virtual.received(processPayment).times(1);
  });

  it('a follower at one sees what the other does', async () => {
    await using world = await startOrderFixture();
    const replica = await world.startReplica();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    const seen: OrderStatus[] = [];
    for await (const message of replica.client.watchOrder({ orderId: order!.orderId })) {
      if (seen.length === 0) await world.client.cancelOrder({ orderId: order!.orderId });
      seen.push(message.order!.status);
    }
    expect(seen[0]).toBe(OrderStatus.PENDING);
    expect(seen.at(-1)).toBe(OrderStatus.CANCELLED);
  });
});

describe("a dependency's event", () => {
  it('wakes an order long before it would be tried again by itself', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    const { orderId } = order!;
    await world.sql(`update orders set resume_time = now() + interval '1 hour', lease_until = now()`);
    world.payment.virtual.stub(processPayment).replies({ charge: { orderId, status: ChargeStatus.COMPLETED } });
    await publishEvent(world.nats, PaymentCompletedSchema, { orderId, transactionId: 'ch-1', version: 2n });
    await world.reaches(orderId, OrderStatus.CONFIRMED);
  });

  it('decides nothing by itself: the dependency is asked', async () => {
    await using world = await startOrderFixture();
    world.inventory.virtual.stub(reserveStock).fails(Code.ResourceExhausted, 'too many calls');
    const { order } = await world.place();
    const { orderId } = order!;
    await world.sql(`update orders set resume_time = now() + interval '1 hour', lease_until = now()`);
    world.inventory.virtual
      .stub(reserveStock)
      .replies(() => ({ reservation: { orderId, reservationId: `res-${orderId}` } }));
    await publishEvent(world.nats, InsufficientStockSchema, { orderId, version: 1n });
    const confirmed = await world.reaches(orderId, OrderStatus.CONFIRMED);
    expect(confirmed.reason).toBe(OrderReason.UNSPECIFIED);
    world.inventory.virtual.received(releaseReservation).never();
  });

  it('about an order that is not known here is taken and forgotten', async () => {
    await using world = await startOrderFixture();
    await publishEvent(world.nats, InsufficientStockSchema, { orderId: 'of-yesterday', version: 1n });
    await expect.poll(() => world.sql('select from inbox')).toHaveLength(1);
    expect((await world.service.ops.getStatus({})).status?.deadLetters).toBe(0n);
  });
});
