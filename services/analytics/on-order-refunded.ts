// event OrderRefunded: reports what was paid back.
import type { OrderRefunded } from '#gen/shop/order/v1/order_events_pb.ts';
import { invalidArgument } from '../platform/base/errors.ts';
import { readStep } from './on-order-step.ts';
import type { StepRow } from './sales-store.ts';

/**
 * Returns the step to store, with the total of the order; undefined for a synthetic order. It is stored whether or not the sale is
 * known yet, so the events may come in any order.
 * @throws {DomainError} `invalid_argument`.
 */
export function readRefund(event: OrderRefunded): StepRow | undefined {
  const { total } = event;
  if (total === undefined) throw invalidArgument([{ field: 'total', description: 'must be set' }]);
  const step = readStep('ORDER_REFUNDED', event, ['refund_time', event.refundTime]);
  return step === undefined ? undefined : { ...step, total };
}
