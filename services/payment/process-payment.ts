// rpc ProcessPayment: charges a customer for an order, once, and answers with the charge's present state.
import { createHash } from 'node:crypto';
import type { ProcessPaymentRequest } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { DomainError, failedPrecondition } from '../platform/base/errors.ts';
import type { Money } from '../platform/base/money.ts';
import { orAborted } from '../platform/base/or-aborted.ts';
import { requireSyntheticCredential } from '../platform/base/synthetic.ts';
import { createValidation } from '../platform/base/validation.ts';
import { runWithCorrelation } from '../platform/observability/tracing.ts';
import { type Charge, matchRepeat, nextStep } from './charge.ts';
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
 * Returns the charge completed, declined or refunded. Throws DomainError `invalid_argument`, `permission_denied`
 * SYNTHETIC_NOT_ALLOWED, `failed_precondition` IDEMPOTENCY_KEY_REUSED, `resource_exhausted` TOO_MANY_PAYMENTS or `unavailable`
 * PAYMENT_PROVIDER_UNAVAILABLE, and the signal's reason when the caller gives up: the settlement goes on all the same.
 */
export async function processPayment(
  { store, settlement, settlements, syntheticCredential }: ProcessPaymentDependencies,
  request: ProcessPaymentRequest,
  signal: AbortSignal,
  headers = new Headers(),
) {
  const intent = readIntent(request);
  if (intent.synthetic) requireSyntheticCredential(headers, syntheticCredential);
  const { orderId } = intent;
  return await runWithCorrelation(orderId, async () => {
    signal.throwIfAborted();
    const run = settlements.admit();
    const created = await store.insertIntent(intent);
    const stored = created ?? matchRepeat(await store.findKnown(orderId, intent.idempotencyKey), intent);
    if (stored === undefined) {
      throw failedPrecondition(
        'IDEMPOTENCY_KEY_REUSED',
        'this order or idempotency_key was used with other content before',
      );
    }
    if (nextStep(stored) === 'nothing' || stored.charge.status === 'COMPLETED') return answer(stored.charge);
    const settling = settlements.run(orderId, (own) => settleCharge(settlement, orderId, own, created), run);
    return answer(await orAborted(settling, signal));
  });
}

function answer(charge: Charge) {
  return { charge: toChargeMessage(charge) };
}

function readIntent(request: ProcessPaymentRequest): Intent {
  const { orderId, idempotencyKey, customerId, amount, paymentMethod, synthetic } = request;
  const validation = createValidation();
  validation.text('order_id', orderId);
  validation.text('idempotency_key', idempotencyKey);
  validation.text('customer_id', customerId);
  validation.money('amount', amount, 1n);
  if (amount !== undefined && amount.minorUnits > BigInt(Number.MAX_SAFE_INTEGER)) {
    validation.add('amount.minor_units', `must be at most ${Number.MAX_SAFE_INTEGER}`);
  }
  validation.text('payment_method', paymentMethod);
  validation.throwIfInvalid();
  if (amount === undefined)
    throw new DomainError({ kind: 'invalid_argument', reason: 'INVALID_REQUEST', message: 'amount: must be set' });
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
