// Charges as the contract speaks of them: messages and events.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { DOMAIN } from '../domain.ts';
import { eventSourceOf } from '../platform/base/domain.ts';
import { createEvent, type OutgoingEvent } from '../platform/messaging/event.ts';
import type { Charge } from './charge.ts';

const SOURCE = eventSourceOf(DOMAIN, 'payment');

/** The charge as a `shop.payment.v1.Charge`. */
export function toChargeMessage(charge: Charge) {
  const { amount, version: _version, createTime, updateTime, ...same } = charge;
  return {
    ...same,
    status: ChargeStatus[charge.status],
    ...(amount === undefined ? {} : { amount }),
    createTime: timestampFromDate(createTime),
    updateTime: timestampFromDate(updateTime),
  };
}

/** The events that tell of a charge's new state, stored at `time`: none for one given up, as no money moved. */
export function toChargeEvents(charge: Charge, time: Date): OutgoingEvent[] {
  const { orderId, customerId, transactionId, synthetic } = charge;
  const stored = timestampFromDate(time);
  const same = {
    orderId,
    customerId,
    synthetic,
    version: BigInt(charge.version),
    ...(charge.amount === undefined ? {} : { amount: charge.amount }),
  };
  switch (charge.status) {
    case 'COMPLETED':
      return [createEvent(SOURCE, PaymentCompletedSchema, { ...same, transactionId, completeTime: stored }, time)];
    case 'DECLINED':
      return [
        createEvent(SOURCE, PaymentFailedSchema, { ...same, declineCode: charge.declineCode, failTime: stored }, time),
      ];
    case 'REFUNDED':
      if (transactionId === '') return [];
      return [createEvent(SOURCE, PaymentRefundedSchema, { ...same, transactionId, refundTime: stored }, time)];
    default:
      return [];
  }
}
