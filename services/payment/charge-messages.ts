// Mapping of charges to messages and events of the contract.
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
import { type Charge, toStoredStatus } from './charge.ts';

const SOURCE = eventSourceOf(DOMAIN, 'payment');

/** Maps a charge to `shop.payment.v1.Charge`. */
export function toChargeMessage(charge: Charge) {
  const { amount, version: _version, createTime, updateTime, ...same } = charge;
  return {
    ...same,
    status: ChargeStatus[toStoredStatus(charge.status)],
    ...(amount === undefined ? {} : { amount }),
    createTime: timestampFromDate(createTime),
    updateTime: timestampFromDate(updateTime),
  };
}

/** Builds the events of a charge's new state, stored at `time`: none for a voided charge or a tombstone, as no money moved. */
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
      return [createEvent(SOURCE, PaymentRefundedSchema, { ...same, transactionId, refundTime: stored }, time)];
    default:
      return [];
  }
}
