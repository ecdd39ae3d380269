// Refunds of confirmed orders: in the call, in the background, after a crash, and concurrently with other calls and older replicas.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderRefundedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { type OrderFixture, rpcFailureOf, startOrderFixture } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const { confirmReservation, releaseReservation } = InventoryService.method;
const { refundPayment } = PaymentService.method;

async function placeConfirmed(fixture: OrderFixture): Promise<string> {
  const { order } = await fixture.place();
  expect(order?.status).toBe(OrderStatus.CONFIRMED);
  return order!.orderId;
}

const countOwed = async ({ service }: OrderFixture) => (await service.ops.getStatus({})).status?.openCompensations;

describe('refunding', () => {
  it('refunds the charge in the call, keeps the stock, and publishes one OrderRefunded', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const orderId = await placeConfirmed(fixture);

    const { order } = await fixture.client.refundOrder({ orderId });

    expect(order).toMatchObject({ status: OrderStatus.REFUNDED, transactionId: `ch-${orderId}` });
    expect(await countOwed(fixture)).toBe(0n);
    const payment = fixture.payment.virtual;
    payment
      .received(refundPayment)
      .with({ orderId, idempotencyKey: `refund:${orderId}` })
      .times(1);
    fixture.inventory.virtual.received(releaseReservation).never();
    const published = { orderId, customerId: 'cust123', total: order?.total, synthetic: false };
    await expect.poll(() => readEventBodies(fixture.nats, OrderRefundedSchema)).toMatchObject([published]);
  });

  it('is shown by every read: GetOrder, ListOrders by status, and WatchOrder, which ends', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const orderId = await placeConfirmed(fixture);
    await placeConfirmed(fixture);
    const { order } = await fixture.client.refundOrder({ orderId });

    expect(await fixture.read(orderId)).toEqual(order);
    const { orders } = await fixture.client.listOrders({ status: OrderStatus.REFUNDED });
    expect(orders).toEqual([order]);
    const watched: unknown[] = [];
    for await (const message of fixture.client.watchOrder({ orderId })) watched.push(message.order);
    expect(watched).toEqual([order]);
  });

  it('while payment is away answers REFUNDED; the refund is owed and follows in the background', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const orderId = await placeConfirmed(fixture);
    await fixture.payment.goDown();

    const { order } = await fixture.client.refundOrder({ orderId });

    expect(order?.status).toBe(OrderStatus.REFUNDED);
    expect(await countOwed(fixture)).toBe(1n);
    await fixture.payment.comeUp();
    await expect.poll(() => countOwed(fixture), { timeout: 15_000 }).toBe(0n);
    fixture.payment.virtual.received(refundPayment).with({ orderId }).times(1);
    expect((await fixture.read(orderId)).status).toBe(OrderStatus.REFUNDED);
  });

  it('is finished once the lease expires when the replica died before it called payment', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const orderId = await placeConfirmed(fixture);
    // As SIGKILL leaves it after the commit of the refund: the refund is owed, and the order is leased.
    await fixture.sql(
      `update orders set status = 'REFUNDED', refund_owed = true, version = version + 1, resume_time = now(),
         lease_until = now() + interval '1 second' where order_id = $1`,
      [orderId],
    );

    await expect.poll(() => countOwed(fixture), { timeout: 15_000 }).toBe(0n);

    fixture.payment.virtual.received(refundPayment).with({ orderId }).times(1);
    fixture.inventory.virtual.received(confirmReservation).times(1);
    expect((await fixture.read(orderId)).status).toBe(OrderStatus.REFUNDED);
  });

  it('thirty times concurrently at two replicas, and once more, publishes one OrderRefunded', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const replica = await fixture.startReplica();
    const orderId = await placeConfirmed(fixture);

    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? fixture : replica).client.refundOrder({ orderId })),
    );
    await fixture.client.refundOrder({ orderId });

    expect(answers.map(({ order }) => order?.status)).toEqual(Array(30).fill(OrderStatus.REFUNDED));
    await expect.poll(() => readEventBodies(fixture.nats, OrderRefundedSchema)).toHaveLength(1);
    expect(await countOwed(fixture)).toBe(0n);
  });

  it('concurrently with a cancellation refunds a confirmed order, whose cancellation is refused', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const orderId = await placeConfirmed(fixture);

    const [refused, refunded] = await Promise.all([
      rpcFailureOf(fixture.client.cancelOrder({ orderId })),
      fixture.client.refundOrder({ orderId }),
    ]);

    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(refused.findDetails(ErrorInfoSchema)[0]?.reason).toBe('ORDER_NOT_CANCELLABLE');
    expect(refunded.order?.status).toBe(OrderStatus.REFUNDED);
    fixture.inventory.virtual.received(releaseReservation).never();
  });
});

it('a replica that does not know refunds cannot make a refunded order CONFIRMED again', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const orderId = await placeConfirmed(fixture);
  await fixture.payment.goDown();
  await fixture.client.refundOrder({ orderId });

  // It takes the verdict CONFIRM for a confirmation that is still to be stored, and keeps what is owed.
  const confirmAgain = fixture.sql(`update orders set status = 'CONFIRMED' where order_id = $1`, [orderId]);

  await expect(confirmAgain).rejects.toThrow('orders_confirmed_owes_nothing');
});
