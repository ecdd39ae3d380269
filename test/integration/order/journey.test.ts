// What CreateOrder answers and what becomes of the order, for each state its neighbours can be in.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderConfirmedSchema, OrderCreatedSchema, OrderFailedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import { readEventBodies, readEvents } from '../../support/events.ts';
import { startOrderFixture, validRequest } from '../../support/services/order.ts';

const { reserveStock, confirmReservation, releaseReservation, checkAvailability } = InventoryService.method;
const { processPayment, refundPayment } = PaymentService.method;

describe('an order for which all is well', () => {
  it('is told by exactly one OrderCreated on SHOP_ORDER: id, customer, total 59.99 (seed 5.1)', async () => {
    await using world = await startOrderFixture();
    const { order } = await world.place({ customerId: 'cust123', items: [{ productId: '12345', quantity: 1 }] });

    await expect.poll(() => readEvents(world.nats, 'shop.order.v1.OrderConfirmed')).toHaveLength(1);
    const events = await readEvents(world.nats, OrderCreatedSchema.typeName);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ stream: 'SHOP_ORDER', subject: 'shop.order.v1.OrderCreated' });
    expect(readEvent(OrderCreatedSchema, events[0]!.payload)).toMatchObject({
      orderId: order?.orderId,
      customerId: 'cust123',
      total: { currencyCode: 'EUR', minorUnits: 5_999n },
      items: [{ productId: '12345', quantity: 1 }],
      version: 1n,
    });
    expect(events[0]?.headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': events[0]!.id,
      'ce-type': 'shop.order.v1.OrderCreated',
      'ce-source': '/shop/order',
      'content-type': 'application/protobuf',
      'nats-msg-id': events[0]!.id,
    });
  });

  it('is CONFIRMED, with one reserve, one charge, one confirm, and nothing given back', async () => {
    await using world = await startOrderFixture();
    const answer = await world.place({ items: [{ productId: '12345', quantity: 10 }] });

    const orderId = answer.order!.orderId;
    expect(answer).toMatchObject({
      outcome: Outcome.CONFIRMED,
      reason: OrderReason.UNSPECIFIED,
      order: {
        status: OrderStatus.CONFIRMED,
        total: { currencyCode: 'EUR', minorUnits: 59_990n },
        reservationId: `res-${orderId}`,
        transactionId: `ch-${orderId}`,
      },
    });
    const inventory = world.inventory.virtual;
    inventory.received(reserveStock).times(1);
    inventory.received(reserveStock).with({ orderId, lines: [{ productId: '12345', quantity: 10 }] });
    inventory
      .received(confirmReservation)
      .with({ orderId, reservationId: `res-${orderId}` })
      .times(1);
    inventory.received(releaseReservation).never();
    const payment = world.payment.virtual;
    payment.received(processPayment).times(1);
    payment.received(processPayment).with({ orderId, amount: { currencyCode: 'EUR', minorUnits: 59_990n } });
    payment.received(refundPayment).never();
  });

  it('is stored as it was answered', async () => {
    await using world = await startOrderFixture();
    const { order } = await world.place();
    expect(await world.read(order!.orderId)).toEqual(order);
  });

  it('is told by one OrderConfirmed with a higher version than OrderCreated', async () => {
    await using world = await startOrderFixture();
    const { order } = await world.place();
    await expect.poll(() => readEventBodies(world.nats, OrderConfirmedSchema)).toHaveLength(1);
    const [confirmed] = await readEventBodies(world.nats, OrderConfirmedSchema);
    const [stored] = await world.sql<{ version: number }>('select version from orders');
    expect(confirmed).toMatchObject({ orderId: order?.orderId, transactionId: order?.transactionId });
    expect(confirmed?.version).toBe(BigInt(stored!.version));
  });

  it('carries the trace of its caller to neighbours and into events', async () => {
    await using world = await startOrderFixture();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await world.client.createOrder(validRequest(), {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    await expect.poll(() => readEvents(world.nats, 'shop.order.v1.OrderConfirmed')).toHaveLength(1);
    const events = [
      ...(await readEvents(world.nats, 'shop.order.v1.OrderCreated')),
      ...(await readEvents(world.nats, 'shop.order.v1.OrderConfirmed')),
    ];
    const carried = [
      ...events.map(({ headers }) => headers.traceparent),
      world.inventory.virtual.calls(reserveStock)[0]?.requestHeader.get('traceparent'),
      world.payment.virtual.calls(processPayment)[0]?.requestHeader.get('traceparent'),
    ];
    expect(carried.map((traceparent) => traceparent?.split('-')[1])).toEqual(Array(4).fill(traceId));
  });
});

describe('an order that cannot be served', () => {
  const insufficient = [
    { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
  ] as unknown as Parameters<ReturnType<typeof stubOf>['fails']>[2];
  const stubOf = (world: Awaited<ReturnType<typeof startOrderFixture>>) => world.inventory.virtual.stub(reserveStock);

  it('for want of stock: FAILED, INSUFFICIENT_STOCK; nobody is charged and nothing is given back', async () => {
    await using world = await startOrderFixture();
    stubOf(world).fails(Code.FailedPrecondition, 'not enough of 12345', insufficient);
    expect(await world.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.INSUFFICIENT_STOCK,
      order: { status: OrderStatus.FAILED, reason: OrderReason.INSUFFICIENT_STOCK },
    });
    world.payment.virtual.received(processPayment).never();
    world.inventory.virtual.received(releaseReservation).never();
    await expect
      .poll(() => readEventBodies(world.nats, OrderFailedSchema))
      .toMatchObject([{ reason: OrderReason.INSUFFICIENT_STOCK }]);
  });

  it('for a declined payment: FAILED, PAYMENT_FAILED; the stock is released, nothing refunded', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).replies(({ orderId }) => ({
      charge: {
        orderId,
        status: ChargeStatus.DECLINED,
        declineCode: 'insufficient_funds',
        declineMessage: 'Insufficient funds',
      },
    }));
    const { outcome, reason, order } = await world.place({ paymentMethod: 'pm_insufficient_funds' });
    expect({ outcome, reason }).toEqual({ outcome: Outcome.FAILED, reason: OrderReason.PAYMENT_FAILED });
    expect(order?.timeline).toContainEqual(
      expect.objectContaining({
        step: OrderStep.PROCESS_PAYMENT,
        state: StepState.REFUSED,
        detail: 'Insufficient funds',
      }),
    );
    world.inventory.virtual
      .received(releaseReservation)
      .with({ reservationId: `res-${order?.orderId}` })
      .times(1);
    world.payment.virtual.received(refundPayment).never();
  });

  it('because inventory answers internal: FAILED, INVENTORY_ERROR, with advice for a new key (seed 4.3)', async () => {
    await using world = await startOrderFixture();
    stubOf(world).fails(Code.Internal, 'out of order');
    expect(await world.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.INVENTORY_ERROR,
      retry: { newKey: true, after: { seconds: 1n } },
      order: { status: OrderStatus.FAILED },
    });
  });
});

describe('an order that has to wait', () => {
  it('because inventory does not answer: PENDING, INVENTORY_CHECK_FAILED; later CONFIRMED (seed 4.2)', async () => {
    await using world = await startOrderFixture();
    world.inventory.virtual
      .stub(reserveStock)
      .hangs()
      .thenReplies(({ orderId }) => ({ reservation: { reservationId: `res-${orderId}`, orderId } }));
    const { outcome, reason, order } = await world.place();
    expect({ outcome, reason }).toEqual({ outcome: Outcome.PENDING, reason: OrderReason.INVENTORY_CHECK_FAILED });
    await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
  });

  it('because inventory is unreachable: PENDING, INVENTORY_UNAVAILABLE; CONFIRMED once it is up', async () => {
    await using world = await startOrderFixture();
    await world.inventory.goAway();
    const { outcome, reason, order } = await world.place();
    expect({ outcome, reason, status: order?.status }).toEqual({
      outcome: Outcome.PENDING,
      reason: OrderReason.INVENTORY_UNAVAILABLE,
      status: OrderStatus.PENDING,
    });
    await world.inventory.comeBack();
    await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
    world.payment.virtual.received(processPayment).times(1);
  });

  it('because payment is slow by 5 s: TIMEOUT in under 3 s; charged under one key, CONFIRMED later (seed 8.4)', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual
      .stub(processPayment)
      .delays(5_000)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'late' } }))
      .thenReplies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    const start = performance.now();
    const { outcome, reason, order } = await world.place();
    expect(performance.now() - start).toBeLessThan(3_000);
    expect({ outcome, reason, status: order?.status }).toEqual({
      outcome: Outcome.TIMEOUT,
      reason: OrderReason.PAYMENT_TIMEOUT,
      status: OrderStatus.PENDING,
    });
    await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
    const keys = world.payment.virtual.requests(processPayment).map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys)).toEqual(new Set([`order:${order?.orderId}`]));
    world.inventory.virtual.received(releaseReservation).never();
  });

  it('because payment answers internal: PENDING, PAYMENT_UNAVAILABLE, never FAILED', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Internal, 'out of order');
    expect(await world.place()).toMatchObject({
      outcome: Outcome.PENDING,
      reason: OrderReason.PAYMENT_UNAVAILABLE,
      order: { status: OrderStatus.PENDING },
    });
    world.inventory.virtual.received(releaseReservation).never();
  });

  it('because the confirmation fails: PENDING with its verdict; confirmed until it succeeds, never charged again', async () => {
    await using world = await startOrderFixture();
    world.inventory.virtual
      .stub(confirmReservation)
      .fails(Code.Unavailable, 'away')
      .thenFails(Code.Internal, 'out of order')
      .thenReplies({});
    const { outcome, reason, order } = await world.place();
    expect({ outcome, reason }).toEqual({ outcome: Outcome.PENDING, reason: OrderReason.INVENTORY_UNAVAILABLE });
    const failure = world.client.cancelOrder({ orderId: order!.orderId });
    await expect(failure).rejects.toMatchObject({ code: Code.FailedPrecondition });
    await world.reaches(order!.orderId, OrderStatus.CONFIRMED);
    world.payment.virtual.received(processPayment).times(1);
    world.inventory.virtual.received(releaseReservation).never();
  });

  it('because a breaker is open: CIRCUIT_OPEN and no call; half-open later, then closed (seed 4.4)', async () => {
    await using world = await startOrderFixture({ BREAKER_RESET_MS: '3000' });
    world.inventory.virtual.stub(reserveStock).fails(Code.Unavailable, 'away');
    for (let index = 0; index < 5; index += 1) {
      expect((await world.place()).outcome).toBe(Outcome.PENDING);
    }
    const sixth = await world.place();
    expect(sixth).toMatchObject({
      outcome: Outcome.CIRCUIT_OPEN,
      reason: OrderReason.INVENTORY_UNAVAILABLE,
      order: { status: OrderStatus.PENDING },
    });
    const orderId = sixth.order!.orderId;
    world.inventory.virtual.received(reserveStock).neverWith({ orderId });
    world.inventory.virtual.stub(reserveStock).replies({ reservation: { reservationId: 'res-1' } });
    await world.reaches(orderId, OrderStatus.CONFIRMED, 15_000);
    expect((await world.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('because its caller has little time: PENDING, BUDGET_EXHAUSTED, before the caller gives up', async () => {
    await using world = await startOrderFixture();
    const answer = await world.client.createOrder(validRequest(), { timeoutMs: 380 });
    expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.BUDGET_EXHAUSTED });
    await world.reaches(answer.order!.orderId, OrderStatus.CONFIRMED);
  });

  it('longer than ORDER_LIMIT_MS: FAILED, TIME_LIMIT_EXCEEDED; stock and money are asked back', async () => {
    await using world = await startOrderFixture({ ORDER_LIMIT_MS: '1000' });
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    const failed = await world.reaches(order!.orderId, OrderStatus.FAILED);
    expect(failed.reason).toBe(OrderReason.TIME_LIMIT_EXCEEDED);
    await expect.poll(async () => (await world.service.ops.getStatus({})).status?.openCompensations).toBe(0n);
    world.inventory.virtual.received(releaseReservation).times(1);
    world.payment.virtual.received(refundPayment).with({ orderId: order!.orderId }).times(1);
  });
});

describe('cancelling', () => {
  it('gives back what a waiting order holds, and shows in GetStatus what could not be given back yet', async () => {
    await using world = await startOrderFixture();
    world.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await world.place();
    await world.payment.goAway();
    const cancelled = await world.client.cancelOrder({ orderId: order!.orderId });
    expect(cancelled.order).toMatchObject({
      status: OrderStatus.CANCELLED,
      reason: OrderReason.CANCELLED_BY_CUSTOMER,
    });
    expect((await world.service.ops.getStatus({})).status?.openCompensations).toBe(1n);
    world.inventory.virtual.received(releaseReservation).with({ orderId: order!.orderId });

    await world.payment.comeBack();
    await expect.poll(async () => (await world.service.ops.getStatus({})).status?.openCompensations).toBe(0n);
    world.payment.virtual.received(refundPayment).with({ orderId: order!.orderId });
  });

  it('between charge and verdict wins: the charge is refunded and nothing is sold', async () => {
    await using world = await startOrderFixture();
    let cancel: (() => Promise<unknown>) | undefined;
    world.payment.virtual.stub(processPayment).replies(async ({ orderId }) => {
      await cancel?.();
      return { charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } };
    });
    cancel = async () => {
      const [row] = await world.sql<{ order_id: string }>('select order_id from orders');
      await world.client.cancelOrder({ orderId: row!.order_id });
    };
    const { outcome, reason, order } = await world.place();
    expect({ outcome, reason }).toEqual({ outcome: Outcome.FAILED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
    expect(order?.status).toBe(OrderStatus.CANCELLED);
    world.payment.virtual.received(refundPayment).with({ orderId: order!.orderId });
    world.inventory.virtual.received(confirmReservation).never();
  });
});

describe('a quote', () => {
  it('has total and availability, and orders nothing', async () => {
    await using world = await startOrderFixture();
    world.inventory.virtual.stub(checkAvailability, { productId: 'prod789' }).replies({ quantity: 1, available: true });
    const items = [
      { productId: '12345', quantity: 2 },
      { productId: 'prod789', quantity: 2 },
    ];
    const quote = await world.client.quoteOrder({ customerId: 'cust123', items });
    expect(quote).toMatchObject({
      total: { currencyCode: 'EUR', minorUnits: 14_498n },
      pricingVersion: 'v1',
      lines: [{ availability: 1 }, { availability: 2 }],
    });
    expect(await world.sql('select from orders')).toEqual([]);
  });

  it('is given while inventory is away, without availabilities', async () => {
    await using world = await startOrderFixture();
    await world.inventory.goAway();
    const quote = await world.client.quoteOrder({ customerId: 'c', items: [{ productId: '12345', quantity: 1 }] });
    expect(quote).toMatchObject({ total: { minorUnits: 5_999n }, lines: [{ availability: 0 }] });
  });
});
