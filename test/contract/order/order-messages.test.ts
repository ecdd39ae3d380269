import { create, toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderSchema, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import type { Order, OrderReason as Reason, OrderStatus as Status, OrderStep as Step } from '#services/order/order.ts';
import { fromStatusMessage, toOrderMessage, toReasonMessage, toStatusEvent } from '#services/order/order-messages.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import {
  ACCEPTED_AT,
  blockedOrder,
  cancelledOrder,
  confirmedOrder,
  euros,
  failedOrder,
  pendingOrder,
  refundedOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';

const message = (order: Order) => create(OrderSchema, toOrderMessage(order));

describe('an order as clients see it', () => {
  it('has its ids, its customer and its total', () => {
    expect(message(confirmedOrder())).toMatchObject({
      orderId: 'order-1',
      customerId: 'cust123',
      total: euros(59_990n),
      pricingVersion: 'v1',
      reservationId: 'res123',
      transactionId: 'ch_1',
      synthetic: false,
    });
  });

  it('has its items with their unit prices', () => {
    expect(message(pendingOrder()).items).toMatchObject([
      { productId: '12345', quantity: 10, unitPrice: euros(5_999n) },
    ]);
  });

  it('has the times of its creation and its last update', () => {
    const { createTime, updateTime } = message(confirmedOrder());
    expect(timestampDate(createTime!)).toEqual(ACCEPTED_AT);
    expect(timestampDate(updateTime!)).toEqual(secondsLater(4));
  });

  it('has its timeline with steps, states, times and details', () => {
    expect(message(blockedOrder()).timeline).toMatchObject([
      { step: OrderStep.CREATE, state: StepState.DONE, detail: '' },
      { step: OrderStep.RESERVE_STOCK, state: StepState.RETRYING, detail: 'inventory could not be reached' },
    ]);
    expect(timestampDate(message(blockedOrder()).timeline[1]!.time!)).toEqual(secondsLater(1));
  });

  it('does not have its payment method', () => {
    const order = pendingOrder({ paymentMethod: 'pm_very_secret' });
    expect(toJsonString(OrderSchema, message(order))).not.toContain('pm_very_secret');
    expect(JSON.stringify(Object.keys(toOrderMessage(order)))).not.toMatch(/payment/i);
  });

  it.each([
    ['PENDING', 1],
    ['CONFIRMED', 2],
    ['FAILED', 3],
    ['CANCELLED', 4],
    ['REFUNDED', 5],
  ] as [Status, number][])('maps the status %s to its number %i', (status, number) => {
    expect(message({ ...pendingOrder(), status }).status).toBe(number);
  });

  it('has every step of the contract', () => {
    const steps: Step[] = [
      'CREATE',
      'RESERVE_STOCK',
      'PROCESS_PAYMENT',
      'DECIDE',
      'CONFIRM_RESERVATION',
      'RELEASE_RESERVATION',
      'REFUND_PAYMENT',
      'FINISH',
    ];
    const timeline = steps.map((step) => ({ step, state: 'DONE' as const, time: ACCEPTED_AT, detail: '' }));
    const numbers = message({ ...pendingOrder(), timeline }).timeline.map(({ step }) => step);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(Object.keys(OrderStep)).toHaveLength(steps.length + 1);
  });
});

describe('a reason', () => {
  const reasons: [Reason, number][] = [
    ['INVENTORY_CHECK_FAILED', 1],
    ['INVENTORY_UNAVAILABLE', 2],
    ['INVENTORY_ERROR', 3],
    ['INSUFFICIENT_STOCK', 4],
    ['PAYMENT_FAILED', 5],
    ['PAYMENT_TIMEOUT', 6],
    ['PAYMENT_UNAVAILABLE', 7],
    ['CANCELLED_BY_CUSTOMER', 8],
    ['TIME_LIMIT_EXCEEDED', 9],
    ['BUDGET_EXHAUSTED', 10],
  ];

  it.each(reasons)('%s is the number %i of the contract', (reason, number) => {
    expect(toReasonMessage(reason)).toBe(number);
  });

  it('is unspecified when there is none', () => {
    expect(toReasonMessage(undefined)).toBe(OrderReason.UNSPECIFIED);
  });

  it('exists for every value of the contract', () => {
    const inContract = Object.keys(OrderReason).filter((name) => name !== 'UNSPECIFIED');
    expect(inContract.sort()).toEqual(reasons.map(([reason]) => reason).sort());
  });
});

describe('a status filter', () => {
  it.each([
    [OrderStatus.PENDING, 'PENDING'],
    [OrderStatus.CONFIRMED, 'CONFIRMED'],
    [OrderStatus.FAILED, 'FAILED'],
    [OrderStatus.CANCELLED, 'CANCELLED'],
    [OrderStatus.REFUNDED, 'REFUNDED'],
    [OrderStatus.UNSPECIFIED, undefined],
  ])('%i is read as %s', (number, status) => {
    expect(fromStatusMessage(number)).toBe(status);
  });

  it('refuses a number that is not in the contract', () => {
    expect(() => fromStatusMessage(99 as OrderStatus)).toThrow('99 is not an order status');
  });
});

describe('the event of a status', () => {
  it('PENDING is OrderCreated', () => {
    const event = toStatusEvent(pendingOrder());
    expect(event.subject).toBe('shop.order.v1.OrderCreated');
    const body = readEvent(OrderCreatedSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'order-1', customerId: 'cust123', total: euros(59_990n), version: 1n });
    expect(body.items).toMatchObject([{ productId: '12345', quantity: 10, unitPrice: euros(5_999n) }]);
    expect(body.pricingVersion).toBe('v1');
    expect(timestampDate(body.createTime!)).toEqual(ACCEPTED_AT);
  });

  it('CONFIRMED is OrderConfirmed, with reservation and payment', () => {
    const event = toStatusEvent({ ...confirmedOrder(), version: 3 });
    expect(event.subject).toBe('shop.order.v1.OrderConfirmed');
    const body = readEvent(OrderConfirmedSchema, event.payload);
    expect(body).toMatchObject({ reservationId: 'res123', transactionId: 'ch_1', total: euros(59_990n), version: 3n });
    expect(body.items).toMatchObject([{ productId: '12345', quantity: 10 }]);
    expect(timestampDate(body.confirmTime!)).toEqual(secondsLater(4));
  });

  it('FAILED is OrderFailed, with the reason', () => {
    const event = toStatusEvent({ ...failedOrder('INSUFFICIENT_STOCK'), version: 2 });
    expect(event.subject).toBe('shop.order.v1.OrderFailed');
    const body = readEvent(OrderFailedSchema, event.payload);
    expect(body).toMatchObject({ reason: OrderReason.INSUFFICIENT_STOCK, customerId: 'cust123', version: 2n });
    expect(timestampDate(body.failTime!)).toEqual(secondsLater(3));
  });

  it('CANCELLED is OrderCancelled', () => {
    const event = toStatusEvent({ ...cancelledOrder(), version: 2 });
    expect(event.subject).toBe('shop.order.v1.OrderCancelled');
    const body = readEvent(OrderCancelledSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'order-1', customerId: 'cust123', version: 2n });
    expect(timestampDate(body.cancelTime!)).toEqual(secondsLater(3));
  });

  it('REFUNDED is OrderRefunded', () => {
    const event = toStatusEvent({ ...refundedOrder(), version: 4 });
    expect(event.subject).toBe('shop.order.v1.OrderRefunded');
    const body = readEvent(OrderRefundedSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'order-1', customerId: 'cust123', total: euros(59_990n), version: 4n });
    expect(timestampDate(body.refundTime!)).toEqual(secondsLater(10));
  });

  it.each([pendingOrder, confirmedOrder, failedOrder, cancelledOrder, refundedOrder])(
    'carries the flag of a synthetic order (%o)',
    (make) => {
      const { subject, payload } = toStatusEvent({ ...make(), synthetic: true });
      const schemas = [
        OrderCreatedSchema,
        OrderConfirmedSchema,
        OrderFailedSchema,
        OrderCancelledSchema,
        OrderRefundedSchema,
      ] as const;
      const schema = schemas.find(({ typeName }) => typeName === subject)!;
      expect(readEvent(schema, payload).synthetic).toBe(true);
    },
  );

  it.each([pendingOrder, confirmedOrder, failedOrder, cancelledOrder, refundedOrder])(
    'never carries the payment method (%o)',
    (make) => {
      const { payload, headers } = toStatusEvent({ ...make(), paymentMethod: 'pm_very_secret' });
      expect(Buffer.from(payload).toString('latin1')).not.toContain('pm_very_secret');
      expect(JSON.stringify(headers)).not.toContain('pm_very_secret');
    },
  );

  it('has the envelope of a CloudEvent, from the order service, at the time of the change', () => {
    const { id, headers } = toStatusEvent(confirmedOrder());
    expect(headers).toMatchObject({
      'ce-id': id,
      'ce-specversion': '1.0',
      'ce-type': 'shop.order.v1.OrderConfirmed',
      'ce-source': '/shop/order',
      'ce-time': secondsLater(4).toISOString(),
      'content-type': 'application/protobuf',
    });
  });

  it('has a new id each time', () => {
    expect(toStatusEvent(pendingOrder()).id).not.toBe(toStatusEvent(pendingOrder()).id);
  });
});
