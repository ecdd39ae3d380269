// rpc RefundPayment: refunds the money of an order, or inserts a tombstone so that it can never be charged.
import type { RefundPaymentRequest } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import { orAborted } from '../platform/base/or-aborted.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Call } from '../platform/server/call.ts';
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
 * Returns the charge refunded, or declined when there was nothing to refund. When the caller hangs up, the refund continues.
 * @throws {DomainError} IDEMPOTENCY_KEY_REUSED, TOO_MANY_PAYMENTS, PAYMENT_PROVIDER_UNAVAILABLE or
 * PAYMENT_PROVIDER_ERROR.
 * @throws the signal's reason when the caller hangs up.
 */
export async function refundPayment(
  { store, settlement, settlements }: RefundPaymentDependencies,
  request: RefundPaymentRequest,
  { signal }: Pick<Call, 'signal'>,
) {
  const { orderId, idempotencyKey } = request;
  return await runWithCorrelation(orderId, async () => {
    signal.throwIfAborted();
    const run = settlements.admit();
    const stored = await store.requestRefund(orderId, idempotencyKey);
    if (stored === undefined) {
      throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'this idempotency_key has already refunded another order');
    }
    let { charge } = stored;
    if (nextStep(stored) === 'done') return answer(charge);
    const settle = () => settlements.run(orderId, (own) => settleCharge(settlement, orderId, own), run);
    charge = await orAborted(settle(), signal);
    // The settlement joined may have started before the refund was requested, and ended with the charge.
    if (charge.status === 'COMPLETED') charge = await orAborted(settle(), signal);
    return answer(charge);
  });
}

function answer(charge: Charge) {
  return { charge: toChargeMessage(charge) };
}
