// The translation of orders to the contract's messages and events, shared by the use cases and the saga.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, type OrderSchema, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import { DOMAIN } from '../domain.ts';
import { eventSourceOf } from '../platform/base/domain.ts';
import { createEvent, type OutgoingEvent } from '../platform/messaging/event.ts';
import type { Order, OrderStatus as Status } from './order.ts';

const SOURCE = eventSourceOf(DOMAIN, 'order');

/** The order as clients see it. The payment method is not part of it. */
export function toOrderMessage(order: Order): MessageInitShape<typeof OrderSchema> {
  return {
    orderId: order.orderId,
    customerId: order.customerId,
    items: order.items.map((item) => ({ ...item })),
    status: OrderStatus[order.status],
    reason: toReasonMessage(order.reason),
    total: order.total,
    pricingVersion: order.pricingVersion,
    reservationId: order.reservationId,
    transactionId: order.transactionId,
    synthetic: order.synthetic,
    createTime: timestampFromDate(order.createTime),
    updateTime: timestampFromDate(order.updateTime),
    timeline: order.timeline.map((entry) => ({
      step: OrderStep[entry.step],
      state: StepState[entry.state],
      time: timestampFromDate(entry.time),
      detail: entry.detail,
    })),
  };
}

/** A reason as the contract's enum value. */
export function toReasonMessage(reason: Order['reason']): OrderReason {
  return reason === undefined ? OrderReason.UNSPECIFIED : OrderReason[reason];
}

/**
 * A status filter from the contract's enum value; undefined for all.
 * @throws {RangeError} The number is not a status.
 */
export function fromStatusMessage(status: OrderStatus): Status | undefined {
  switch (status) {
    case OrderStatus.UNSPECIFIED:
      return undefined;
    case OrderStatus.PENDING:
      return 'PENDING';
    case OrderStatus.CONFIRMED:
      return 'CONFIRMED';
    case OrderStatus.FAILED:
      return 'FAILED';
    case OrderStatus.CANCELLED:
      return 'CANCELLED';
    case OrderStatus.REFUNDED:
      return 'REFUNDED';
    default:
      throw new RangeError(`${status} is not an order status`);
  }
}

/** The event that announces an order's status. `order.version` is the version that the order is stored at. */
export function toStatusEvent(order: Order): OutgoingEvent {
  const { orderId, customerId, total, synthetic } = order;
  const common = { orderId, customerId, total, synthetic, version: BigInt(order.version) };
  const items = order.items.map((item) => ({ ...item }));
  const time = timestampFromDate(order.updateTime);
  switch (order.status) {
    case 'PENDING':
      return createEvent(
        SOURCE,
        OrderCreatedSchema,
        { ...common, items, pricingVersion: order.pricingVersion, createTime: timestampFromDate(order.createTime) },
        order.updateTime,
      );
    case 'CONFIRMED':
      return createEvent(
        SOURCE,
        OrderConfirmedSchema,
        { ...common, items, reservationId: order.reservationId, transactionId: order.transactionId, confirmTime: time },
        order.updateTime,
      );
    case 'FAILED':
      return createEvent(
        SOURCE,
        OrderFailedSchema,
        { ...common, reason: toReasonMessage(order.reason), failTime: time },
        order.updateTime,
      );
    case 'CANCELLED':
      return createEvent(SOURCE, OrderCancelledSchema, { ...common, cancelTime: time }, order.updateTime);
    case 'REFUNDED':
      return createEvent(SOURCE, OrderRefundedSchema, { ...common, refundTime: time }, order.updateTime);
  }
}
