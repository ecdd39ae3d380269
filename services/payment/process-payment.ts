// rpc ProcessPayment: charges a customer for an order, once, and returns the current charge.
import { createHash } from 'node:crypto';
import type { ProcessPaymentRequest } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { failedPrecondition } from '../platform/base/errors.ts';
import type { Money } from '../platform/base/money.ts';
import { orAborted } from '../platform/base/or-aborted.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import type { Call } from '../platform/server/call.ts';
import { type Charge, matchDuplicate, nextStep } from './charge.ts';
import { toChargeMessage } from './charge-messages.ts';
import type { ChargeStore, Intent } from './charge-store.ts';
import { type SettlementDependencies, settleCharge } from './settlement.ts';
import type { Settlements } from './settlements.ts';

export type ProcessPaymentDependencies = {
  readonly store: Pick<ChargeStore, 'insertIntent' | 'findKnown'>;
  readonly settlement: SettlementDependencies;
  readonly settlements: Settlements<Charge>;
  /** Allows synthetic payments; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
};

/**
 * Returns the charge completed, declined or refunded. When the caller hangs up, the settlement continues.
 * @throws {DomainError} SYNTHETIC_NOT_ALLOWED, IDEMPOTENCY_KEY_REUSED, TOO_MANY_PAYMENTS or
 *   PAYMENT_PROVIDER_UNAVAILABLE or PAYMENT_PROVIDER_ERROR.
 * @throws the signal's reason when the caller hangs up.
 */
export async function processPayment(
  { store, settlement, settlements, syntheticCredential }: ProcessPaymentDependencies,
  request: ProcessPaymentRequest,
  { signal, headers }: Pick<Call, 'signal' | 'headers'>,
) {
  const intent = readIntent(request);
  if (intent.synthetic) requireSyntheticCredential(headers, syntheticCredential);
  const { orderId } = intent;
  return await runWithCorrelation(orderId, async () => {
    signal.throwIfAborted();
    const run = settlements.admit();
    const created = await store.insertIntent(intent);
    const stored = created ?? matchDuplicate(await store.findKnown(orderId, intent.idempotencyKey), intent);
    if (stored === undefined) {
      throw failedPrecondition(
        'IDEMPOTENCY_KEY_REUSED',
        'this order or idempotency_key was already used with other content',
      );
    }
    if (nextStep(stored) === 'done' || stored.charge.status === 'COMPLETED') return answer(stored.charge);
    const settling = settlements.run(orderId, (own) => settleCharge(settlement, orderId, own, created), run);
    return answer(await orAborted(settling, signal));
  });
}

function answer(charge: Charge) {
  return { charge: toChargeMessage(charge) };
}

function readIntent(request: ProcessPaymentRequest): Intent {
  const { orderId, idempotencyKey, customerId, amount, paymentMethod, synthetic } = request;
  if (amount === undefined) throw new Error('a payment without an amount was not refused');
  const content = { orderId, customerId, amount: toMoney(amount), paymentMethod, synthetic };
  return { ...content, idempotencyKey, requestHash: hashContent(content) };
}

function toMoney({ currencyCode, minorUnits }: Money): Money {
  return { currencyCode, minorUnits };
}

function hashContent({
  orderId,
  customerId,
  amount,
  paymentMethod,
  synthetic,
}: Omit<Intent, 'idempotencyKey' | 'requestHash'>) {
  const content = [orderId, customerId, amount.currencyCode, String(amount.minorUnits), paymentMethod, synthetic];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
