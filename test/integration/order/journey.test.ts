// What CreateOrder answers, and how the order ends, for each state of the dependencies.
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
import { PATIENT_DATABASE } from '../../support/patience.ts';
import { startOrderFixture, validRequest } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const { reserveStock, confirmReservation, releaseReservation, checkAvailability } = InventoryService.method;
const { processPayment, refundPayment } = PaymentService.method;

describe('an order for which every step succeeds', () => {
  it('publishes exactly one OrderCreated on SHOP_ORDER: id, customer, total 59.99', { tags: 'seed-5.1' }, async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await fixture.place({ customerId: 'cust123', items: [{ productId: '12345', quantity: 1 }] });

    await expect.poll(() => readEvents(fixture.nats, 'shop.order.v1.OrderConfirmed')).toHaveLength(1);
    const events = await readEvents(fixture.nats, OrderCreatedSchema.typeName);
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

  it('is CONFIRMED, with one reserve, one charge, one confirm, and no compensation', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const answer = await fixture.place({ items: [{ productId: '12345', quantity: 10 }] });

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
    const inventory = fixture.inventory.virtual;
    inventory.received(reserveStock).times(1);
    inventory.received(reserveStock).with({ orderId, lines: [{ productId: '12345', quantity: 10 }] });
    inventory
      .received(confirmReservation)
      .with({ orderId, reservationId: `res-${orderId}` })
      .times(1);
    inventory.received(releaseReservation).never();
    const payment = fixture.payment.virtual;
    payment.received(processPayment).times(1);
    payment.received(processPayment).with({ orderId, amount: { currencyCode: 'EUR', minorUnits: 59_990n } });
    payment.received(refundPayment).never();
  });

  it('is stored as it is answered', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await fixture.place();
    expect(await fixture.read(order!.orderId)).toEqual(order);
  });

  it('publishes one OrderConfirmed with a higher version than OrderCreated', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await fixture.place();
    await expect.poll(() => readEventBodies(fixture.nats, OrderConfirmedSchema)).toHaveLength(1);
    const [confirmed] = await readEventBodies(fixture.nats, OrderConfirmedSchema);
    const [stored] = await fixture.sql<{ version: number }>('select version from orders');
    expect(confirmed).toMatchObject({ orderId: order?.orderId, transactionId: order?.transactionId });
    expect(confirmed?.version).toBe(BigInt(stored!.version));
  });

  it('propagates the trace of its caller to dependencies and events', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await fixture.client.createOrder(validRequest(), {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    await expect.poll(() => readEvents(fixture.nats, 'shop.order.v1.OrderConfirmed')).toHaveLength(1);
    const events = [
      ...(await readEvents(fixture.nats, 'shop.order.v1.OrderCreated')),
      ...(await readEvents(fixture.nats, 'shop.order.v1.OrderConfirmed')),
    ];
    const carried = [
      ...events.map(({ headers }) => headers.traceparent),
      fixture.inventory.virtual.calls(reserveStock)[0]?.requestHeader.get('traceparent'),
      fixture.payment.virtual.calls(processPayment)[0]?.requestHeader.get('traceparent'),
    ];
    expect(carried.map((traceparent) => traceparent?.split('-')[1])).toEqual(Array(4).fill(traceId));
  });
});

describe('an order that fails', () => {
  const insufficient = [
    { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
  ] as unknown as Parameters<ReturnType<typeof stubOf>['fails']>[2];
  const stubOf = (fixture: Awaited<ReturnType<typeof startOrderFixture>>) =>
    fixture.inventory.virtual.stub(reserveStock);

  it('for lack of stock: FAILED, INSUFFICIENT_STOCK, without charge or compensation', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    stubOf(fixture).fails(Code.FailedPrecondition, 'not enough of 12345', insufficient);
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.INSUFFICIENT_STOCK,
      order: { status: OrderStatus.FAILED, reason: OrderReason.INSUFFICIENT_STOCK },
    });
    fixture.payment.virtual.received(processPayment).never();
    fixture.inventory.virtual.received(releaseReservation).never();
    await expect
      .poll(() => readEventBodies(fixture.nats, OrderFailedSchema))
      .toMatchObject([{ reason: OrderReason.INSUFFICIENT_STOCK }]);
  });

  it('for a declined payment: FAILED, PAYMENT_FAILED; the stock is released, nothing refunded', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).replies(({ orderId }) => ({
      charge: {
        orderId,
        status: ChargeStatus.DECLINED,
        declineCode: 'insufficient_funds',
        declineMessage: 'Insufficient funds',
      },
    }));
    const { outcome, reason, order } = await fixture.place({ paymentMethod: 'pm_insufficient_funds' });
    expect({ outcome, reason }).toEqual({ outcome: Outcome.FAILED, reason: OrderReason.PAYMENT_FAILED });
    expect(order?.timeline).toContainEqual(
      expect.objectContaining({
        step: OrderStep.PROCESS_PAYMENT,
        state: StepState.REFUSED,
        detail: 'Insufficient funds',
      }),
    );
    fixture.inventory.virtual
      .received(releaseReservation)
      .with({ reservationId: `res-${order?.orderId}` })
      .times(1);
    fixture.payment.virtual.received(refundPayment).never();
  });

  it('because inventory answers internal: FAILED, INVENTORY_ERROR, with retry advice for a new key', {
    tags: 'seed-4.3',
  }, async () => {
    await using fixture = await startOrderFixture(PATIENT);
    stubOf(fixture).fails(Code.Internal, 'out of order');
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.INVENTORY_ERROR,
      retry: { newKey: true, after: { seconds: 1n } },
      order: { status: OrderStatus.FAILED },
    });
  });
});

describe('an order that is blocked', () => {
  it('because inventory does not answer: PENDING, INVENTORY_CHECK_FAILED; later CONFIRMED', {
    tags: 'seed-4.2',
  }, async () => {
    await using fixture = await startOrderFixture({ ...PATIENT, ORDER_INVENTORY_TIMEOUT_MS: '500' });
    fixture.inventory.virtual
      .stub(reserveStock)
      .hangs()
      .thenReplies(({ orderId }) => ({ reservation: { reservationId: `res-${orderId}`, orderId } }));
    const { outcome, reason, order } = await fixture.place();
    expect({ outcome, reason, status: order?.status }).toEqual({
      outcome: Outcome.PENDING,
      reason: OrderReason.INVENTORY_CHECK_FAILED,
      status: OrderStatus.PENDING,
    });
    await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
  });

  it('because inventory is unreachable: PENDING, INVENTORY_UNAVAILABLE; CONFIRMED once it is up', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.inventory.goDown();
    const { outcome, reason, order } = await fixture.place();
    expect({ outcome, reason, status: order?.status }).toEqual({
      outcome: Outcome.PENDING,
      reason: OrderReason.INVENTORY_UNAVAILABLE,
      status: OrderStatus.PENDING,
    });
    await fixture.inventory.comeUp();
    await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
    fixture.payment.virtual.received(processPayment).times(1);
  });

  it('because payment is slow by 5 s: TIMEOUT in under 3 s; charged under one key, CONFIRMED later', {
    tags: 'seed-8.4',
  }, async () => {
    await using fixture = await startOrderFixture(PATIENT_DATABASE);
    fixture.payment.virtual
      .stub(processPayment)
      .delays(5_000)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'late' } }))
      .thenReplies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    const start = performance.now();
    const { outcome, reason, order } = await fixture.place();
    expect(performance.now() - start).toBeLessThan(3_000);
    expect({ outcome, reason, status: order?.status }).toEqual({
      outcome: Outcome.TIMEOUT,
      reason: OrderReason.PAYMENT_TIMEOUT,
      status: OrderStatus.PENDING,
    });
    await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
    const keys = fixture.payment.virtual.requests(processPayment).map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys)).toEqual(new Set([`order:${order?.orderId}`]));
    fixture.inventory.virtual.received(releaseReservation).never();
  });

  it('because payment answers internal: PENDING, PAYMENT_UNAVAILABLE, never FAILED', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Internal, 'out of order');
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.PENDING,
      reason: OrderReason.PAYMENT_UNAVAILABLE,
      order: { status: OrderStatus.PENDING },
    });
    fixture.inventory.virtual.received(releaseReservation).never();
  });

  it('because the confirmation fails: PENDING with its verdict; confirmed until it succeeds, never charged again', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.inventory.virtual
      .stub(confirmReservation)
      .fails(Code.Unavailable, 'away')
      .thenFails(Code.Internal, 'out of order')
      .thenReplies({});
    const { outcome, reason, order } = await fixture.place();
    expect({ outcome, reason }).toEqual({ outcome: Outcome.PENDING, reason: OrderReason.INVENTORY_UNAVAILABLE });
    const failure = fixture.client.cancelOrder({ orderId: order!.orderId });
    await expect(failure).rejects.toMatchObject({ code: Code.FailedPrecondition });
    await fixture.reaches(order!.orderId, OrderStatus.CONFIRMED);
    fixture.payment.virtual.received(processPayment).times(1);
    fixture.inventory.virtual.received(releaseReservation).never();
  });

  it('because a breaker is open: CIRCUIT_OPEN and no call; half-open later, then closed', async () => {
    await using fixture = await startOrderFixture({ ...PATIENT, BREAKER_RESET_MS: '3000' });
    fixture.inventory.virtual.stub(reserveStock).fails(Code.Unavailable, 'away');
    for (let index = 0; index < 5; index += 1) {
      expect((await fixture.place()).outcome).toBe(Outcome.PENDING);
    }
    const sixth = await fixture.place();
    expect(sixth).toMatchObject({
      outcome: Outcome.CIRCUIT_OPEN,
      reason: OrderReason.INVENTORY_UNAVAILABLE,
      order: { status: OrderStatus.PENDING },
    });
    const orderId = sixth.order!.orderId;
    fixture.inventory.virtual.received(reserveStock).neverWith({ orderId });
    fixture.inventory.virtual.stub(reserveStock).replies({ reservation: { reservationId: 'res-1' } });
    await fixture.reaches(orderId, OrderStatus.CONFIRMED, 15_000);
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('because its caller has little time: PENDING, BUDGET_EXHAUSTED, before the caller gives up', async () => {
    await using fixture = await startOrderFixture(PATIENT_DATABASE);
    const answer = await fixture.client.createOrder(validRequest(), { timeoutMs: 490 });
    expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.BUDGET_EXHAUSTED });
    await fixture.reaches(answer.order!.orderId, OrderStatus.CONFIRMED);
  });

  it('longer than ORDER_LIMIT_MS: FAILED, TIME_LIMIT_EXCEEDED; stock is released and the charge refunded', async () => {
    await using fixture = await startOrderFixture({ ...PATIENT, ORDER_LIMIT_MS: '1000' });
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    const failed = await fixture.reaches(order!.orderId, OrderStatus.FAILED);
    expect(failed.reason).toBe(OrderReason.TIME_LIMIT_EXCEEDED);
    await expect.poll(async () => (await fixture.service.ops.getStatus({})).status?.openCompensations).toBe(0n);
    fixture.inventory.virtual.received(releaseReservation).times(1);
    fixture.payment.virtual.received(refundPayment).with({ orderId: order!.orderId }).times(1);
  });
});

describe('cancelling', () => {
  it('compensates a blocked order, and reports compensation that is still owed in GetStatus', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    await fixture.payment.goDown();
    const cancelled = await fixture.client.cancelOrder({ orderId: order!.orderId });
    expect(cancelled.order).toMatchObject({
      status: OrderStatus.CANCELLED,
      reason: OrderReason.CANCELLED_BY_CUSTOMER,
    });
    expect((await fixture.service.ops.getStatus({})).status?.openCompensations).toBe(1n);
    fixture.inventory.virtual.received(releaseReservation).with({ orderId: order!.orderId });

    await fixture.payment.comeUp();
    await expect.poll(async () => (await fixture.service.ops.getStatus({})).status?.openCompensations).toBe(0n);
    fixture.payment.virtual.received(refundPayment).with({ orderId: order!.orderId });
  });

  it('between charge and verdict wins: the charge is refunded and no reservation is confirmed', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    let cancel: (() => Promise<unknown>) | undefined;
    fixture.payment.virtual.stub(processPayment).replies(async ({ orderId }) => {
      await cancel?.();
      return { charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } };
    });
    cancel = async () => {
      const [row] = await fixture.sql<{ order_id: string }>('select order_id from orders');
      await fixture.client.cancelOrder({ orderId: row!.order_id });
    };
    const { outcome, reason, order } = await fixture.place();
    expect({ outcome, reason }).toEqual({ outcome: Outcome.FAILED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
    expect(order?.status).toBe(OrderStatus.CANCELLED);
    fixture.payment.virtual.received(refundPayment).with({ orderId: order!.orderId });
    fixture.inventory.virtual.received(confirmReservation).never();
  });
});

describe('a quote', () => {
  it('has total and availability, and stores nothing', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.inventory.virtual
      .stub(checkAvailability, { productId: 'prod789' })
      .replies({ quantity: 1, available: true });
    const items = [
      { productId: '12345', quantity: 2 },
      { productId: 'prod789', quantity: 2 },
    ];
    const quote = await fixture.client.quoteOrder({ customerId: 'cust123', items });
    expect(quote).toMatchObject({
      total: { currencyCode: 'EUR', minorUnits: 14_498n },
      pricingVersion: 'v1',
      lines: [{ availability: 1 }, { availability: 2 }],
    });
    expect(await fixture.sql('select from orders')).toEqual([]);
  });

  it('is answered while inventory is down, without availabilities', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.inventory.goDown();
    const quote = await fixture.client.quoteOrder({ customerId: 'c', items: [{ productId: '12345', quantity: 1 }] });
    expect(quote).toMatchObject({ total: { minorUnits: 5_999n }, lines: [{ availability: 0 }] });
  });
});
