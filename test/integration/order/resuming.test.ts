// Orders whose call has ended: after a restart, with two replicas, and woken by events of dependencies.
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
import { PATIENT } from './patience.ts';

const { reserveStock, confirmReservation, releaseReservation } = InventoryService.method;
const { processPayment, refundPayment } = PaymentService.method;

async function statuses(fixture: OrderFixture): Promise<Record<string, number>> {
  const rows = await fixture.sql<{ status: string; count: number }>(
    'select status, count(*)::int as count from orders group by status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('after a restart', () => {
  it('a blocked order is resumed and CONFIRMED', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    await fixture.place();
    await fixture.service.stop();
    fixture.payment.virtual
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    await fixture.startReplica();
    await expect.poll(() => statuses(fixture)).toEqual({ CONFIRMED: 1 });
    await expect.poll(() => readEventBodies(fixture.nats, OrderConfirmedSchema)).toHaveLength(1);
  });

  it('an order whose replica died is resumed once its lease expires', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await fixture.place();
    // As SIGKILL leaves it after the verdict: pending and leased.
    await fixture.sql(
      `update orders set status = 'PENDING', resume_time = now(), lease_until = now() + interval '1 second' where order_id = $1`,
      [order!.orderId],
    );
    const confirmed = await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
    expect(confirmed.transactionId).toBe(order?.transactionId);
    fixture.payment.virtual.received(processPayment).times(1);
    fixture.inventory.virtual.received(confirmReservation).times(2);
  });

  it('a cancelled order that owes a refund is refunded', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    fixture.payment.virtual.stub(refundPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    await fixture.client.cancelOrder({ orderId: order!.orderId });
    await fixture.service.stop();
    fixture.payment.virtual.stub(refundPayment).replies({ charge: { status: ChargeStatus.REFUNDED } });
    const replica = await fixture.startReplica();
    await expect.poll(async () => (await replica.ops.getStatus({})).status?.openCompensations).toBe(0n);
    expect(await statuses(fixture)).toEqual({ CANCELLED: 1 });
  });

  it('stopping finishes the calls in flight: each is answered, and no order is left pending', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual
      .stub(processPayment)
      .delays(300)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    const calls = Array.from({ length: 20 }, () => fixture.place());
    const ordersAtPayment = () =>
      new Set(fixture.payment.virtual.requests(processPayment).map(({ orderId }) => orderId)).size;
    await expect.poll(ordersAtPayment).toBe(20);
    await fixture.service.stop();
    const answers = await Promise.all(calls);
    expect(answers.map(({ order }) => order?.status)).toEqual(Array(20).fill(OrderStatus.CONFIRMED));
  });
});

describe('in the background', () => {
  it('any number of failures opens no breaker', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    await fixture.place();
    await expect
      .poll(
        async () => {
          await fixture.sql(`update orders set resume_time = now() where lease_until <= now()`);
          return fixture.payment.virtual.requests(processPayment).length;
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBeGreaterThan(6);
    const { status } = await fixture.service.ops.getStatus({});
    expect(status?.breakers.find(({ dependency }) => dependency === 'payment')?.state).toBe(BreakerState.CLOSED);
  });
});

describe('two replicas', () => {
  it('resume the backlog without a duplicate charge or OrderConfirmed', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.startReplica();
    fixture.inventory.virtual.stub(reserveStock).fails(Code.ResourceExhausted, 'too many calls');
    const placed = await Promise.all(Array.from({ length: 30 }, () => fixture.place()));
    expect(new Set(placed.map(({ order }) => order?.status))).toEqual(new Set([OrderStatus.PENDING]));
    fixture.inventory.virtual
      .stub(reserveStock)
      .replies(({ orderId }) => ({ reservation: { orderId, reservationId: `res-${orderId}` } }));
    await expect.poll(() => statuses(fixture)).toEqual({ CONFIRMED: 30 });
    const confirmed = (await readEventBodies(fixture.nats, OrderConfirmedSchema)).map(({ orderId }) => orderId);
    expect(new Set(confirmed).size).toBe(confirmed.length);
  });

  it('both run one order safely: it ends once, with one event', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.startReplica();
    fixture.inventory.virtual.stub(confirmReservation).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    fixture.inventory.virtual
      .stub(confirmReservation)
      .delays(200)
      .replies(async () => {
        // The lease is gone while the call is in flight: the other replica claims the order too.
        await fixture.sql(`update orders set lease_until = now(), resume_time = now() where status = 'PENDING'`);
        return {};
      });
    await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
    await expect.poll(() => readEventBodies(fixture.nats, OrderConfirmedSchema)).toHaveLength(1);
    fixture.payment.virtual.received(processPayment).times(1);
  });

  it('a watcher at one replica sees the changes of the other', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const replica = await fixture.startReplica();
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    const seen: OrderStatus[] = [];
    for await (const message of replica.client.watchOrder({ orderId: order!.orderId })) {
      if (seen.length === 0) await fixture.client.cancelOrder({ orderId: order!.orderId });
      seen.push(message.order!.status);
    }
    expect(seen[0]).toBe(OrderStatus.PENDING);
    expect(seen.at(-1)).toBe(OrderStatus.CANCELLED);
  });
});

describe("a dependency's event", () => {
  it('resumes an order long before its next attempt is due', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    const { orderId } = order!;
    await fixture.sql(`update orders set resume_time = now() + interval '1 hour', lease_until = now()`);
    fixture.payment.virtual.stub(processPayment).replies({ charge: { orderId, status: ChargeStatus.COMPLETED } });
    await publishEvent(fixture.nats, PaymentCompletedSchema, { orderId, transactionId: 'ch-1', version: 2n });
    await fixture.reaches(orderId, OrderStatus.CONFIRMED);
  });

  it('decides nothing by itself: the dependency is called', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.inventory.virtual.stub(reserveStock).fails(Code.ResourceExhausted, 'too many calls');
    const { order } = await fixture.place();
    const { orderId } = order!;
    await fixture.sql(`update orders set resume_time = now() + interval '1 hour', lease_until = now()`);
    fixture.inventory.virtual
      .stub(reserveStock)
      .replies(() => ({ reservation: { orderId, reservationId: `res-${orderId}` } }));
    await publishEvent(fixture.nats, InsufficientStockSchema, { orderId, version: 1n });
    const confirmed = await fixture.reaches(orderId, OrderStatus.CONFIRMED);
    expect(confirmed.reason).toBe(OrderReason.UNSPECIFIED);
    fixture.inventory.virtual.received(releaseReservation).never();
  });

  it('about an unknown order is consumed without effect', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await publishEvent(fixture.nats, InsufficientStockSchema, { orderId: 'of-yesterday', version: 1n });
    const readStatus = async () => (await fixture.service.ops.getStatus({})).status;
    await expect
      .poll(async () => (await readStatus())?.consumers.find(({ stream }) => stream === 'SHOP_INVENTORY'))
      .toMatchObject({ pending: 0n, unacknowledged: 0n });
    expect((await readStatus())?.deadLetters).toBe(0n);
  });
});
