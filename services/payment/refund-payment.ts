// rpc RefundPayment: gives the money of an order back, or sees to it that it can never be taken.
import type { RefundPaymentRequest } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import { orAborted } from '../platform/base/or-aborted.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import { type Charge, nextStep } from './charge.ts';
import { toChargeMessage } from './charge-messages.ts';
import type { ChargeStore } from './charge-store.ts';
import { type SettlementDependencies, settleCharge } from './settlement.ts';
import type { Settlements } from './settlements.ts';

export type RefundPaymentDependencies = {
  readonly store: Pick<ChargeStore, 'requestRefund'>;
  readonly settlement: SettlementDependencies;
  readonly settlements: Settlements<Charge>;
};

/**
 * Returns the charge refunded, or declined when there was nothing to give back. Throws DomainError `invalid_argument`,
 * `failed_precondition` IDEMPOTENCY_KEY_REUSED, `resource_exhausted` TOO_MANY_PAYMENTS or `unavailable`
 * PAYMENT_PROVIDER_UNAVAILABLE, and the signal's reason when the caller gives up: the refund goes on all the same.
 */
export async function refundPayment(
  { store, settlement, settlements }: RefundPaymentDependencies,
  request: RefundPaymentRequest,
  signal: AbortSignal,
) {
  const { orderId, idempotencyKey } = request;
  const validation = createValidation();
  validation.text('order_id', orderId);
  validation.text('idempotency_key', idempotencyKey);
  validation.throwIfInvalid();
  return await runWithCorrelation(orderId, async () => {
    signal.throwIfAborted();
    const run = settlements.admit();
    const stored = await store.requestRefund(orderId, idempotencyKey);
    if (stored === undefined) {
      throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'this idempotency_key refunded another order before');
    }
    let { charge } = stored;
    if (nextStep(stored) === 'nothing') return answer(charge);
    const settle = () => settlements.run(orderId, (own) => settleCharge(settlement, orderId, own), run);
    charge = await orAborted(settle(), signal);
    // That one may have begun before the refund was asked for, and ended with the charge.
    if (charge.status === 'COMPLETED') charge = await orAborted(settle(), signal);
    return answer(charge);
  });
}

function answer(charge: Charge) {
  return { charge: toChargeMessage(charge) };
}
