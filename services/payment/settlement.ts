// The settlement of a charge: steps that call the provider outside any transaction and then store its answer, until the outcome is
// definite. Any replica can continue after a crash, and several may settle one charge at once: the provider's idempotency keys and the
// row's version make sure that money moves once.
import { createHash } from 'node:crypto';
import { backoffMs, pause } from '../platform/base/backoff.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, type DomainError, unavailable } from '../platform/base/errors.ts';
import { cleanText } from '../platform/base/text.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  type Charge,
  type Decision,
  decideCharge,
  nextStep,
  recordLateRefund,
  refundCharge,
  type StoredCharge,
  voidCharge,
} from './charge.ts';
import { toChargeEvents } from './charge-messages.ts';
import type { ChargeStore } from './charge-store.ts';
import type { CallOptions, ChargeResult, FindResult, ProviderClient, RefundResult } from './provider-client.ts';

// A charge, a refund, and some repeated reads after concurrent changes.
const MAX_STEPS = 10;
const MINIMUM_CALL_MS = 20;
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 500;
const MAX_CODE_LENGTH = 100;
const MAX_MESSAGE_LENGTH = 500;

/** The calls to the provider that a settlement makes. */
export type ChargingProvider = Pick<ProviderClient, 'charge' | 'findCharge' | 'refund'>;

export type SettlementDependencies = {
  readonly store: Pick<ChargeStore, 'find' | 'extendCallWindow' | 'startNewAttempt' | 'save'>;
  /** Returns the provider of a charge: synthetic orders never reach the real one. */
  readonly providerFor: (charge: Pick<Charge, 'synthetic'>) => ChargingProvider;
  /** The age from which the provider may have forgotten a key, so that the call must not be retried. */
  readonly keySafeMs: number;
  /** Makes the relay publish the events just stored. */
  readonly wakeRelay: () => void;
  readonly now: () => Date;
  readonly log: Logger;
};

/** One run of a settlement: its deadline, and a signal that ends its waits early. */
export type Run = { readonly deadline: Deadline; readonly signal: AbortSignal };

/**
 * Settles an order's charge and returns it decided.
 * @param intent the charge when this call inserted it: its first call to the provider is made here.
 * @throws {DomainError} PAYMENT_PROVIDER_UNAVAILABLE when the provider reported no outcome, PAYMENT_PROVIDER_ERROR when it answered this
 * charge with an error of its own: the charge stays unchanged.
 */
export async function settleCharge(
  dependencies: SettlementDependencies,
  orderId: string,
  run: Run,
  intent?: StoredCharge,
): Promise<Charge> {
  let latest = intent;
  let isFirst = intent !== undefined;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const stored: StoredCharge | undefined = latest ?? (await dependencies.store.find(orderId));
    if (stored === undefined) throw new Error(`order ${orderId} has no charge to settle`);
    switch (nextStep(stored)) {
      case 'done':
        return stored.charge;
      case 'charge':
        latest = await charge(dependencies, stored, run, isFirst);
        break;
      case 'void':
        latest = await voidUncaptured(dependencies, stored, run);
        break;
      case 'refund':
        latest = await refund(dependencies, stored, run);
        break;
    }
    isFirst = false;
  }
  throw outcomeUnknown('the charge changed in every step');
}

/**
 * Looks for money that was captured after its charge was voided, and refunds it.
 * @throws {DomainError} PAYMENT_PROVIDER_UNAVAILABLE or PAYMENT_PROVIDER_ERROR when the provider reported no outcome.
 */
export async function refundLateCapture(
  dependencies: SettlementDependencies,
  { charge: voided }: StoredCharge,
  run: Run,
): Promise<void> {
  const { orderId, amount } = voided;
  const provider = dependencies.providerFor(voided);
  const found = await askUntilDefinite(run, (options) => provider.findCharge(orderId, options));
  if (found.kind !== 'captured' || amount === undefined) return;
  const { transactionId } = found;
  dependencies.log.warn({ transaction_id: transactionId }, 'a voided charge was captured late: refunding it');
  const key = providerKey('refund', orderId);
  await askUntilDefinite(run, (options) => provider.refund(key, { transactionId, amount }, options));
  await save(dependencies, recordLateRefund(voided, transactionId));
}

/** Returns the idempotency key of an order's charge or refund at the provider: deterministic, and valid in a header. */
export function providerKey(operation: 'charge' | 'refund', orderId: string): string {
  return `${operation}-${createHash('sha256').update(orderId).digest('hex')}`;
}

// Like the other steps, returns the charge as stored, or undefined when it was changed concurrently and has to be read again.
async function charge(
  dependencies: SettlementDependencies,
  stored: StoredCharge,
  run: Run,
  isFirst: boolean,
): Promise<StoredCharge | undefined> {
  const { orderId } = stored.charge;
  let open: StoredCharge | undefined = stored;
  if (!isFirst) {
    open = await dependencies.store.extendCallWindow(orderId);
    if (open === undefined) return undefined;
    if (open.intentAgeMs >= dependencies.keySafeMs) {
      const found = await askUntilDefinite(run, (options) =>
        dependencies.providerFor(stored.charge).findCharge(orderId, options),
      );
      if (found.kind !== 'none') return await decide(dependencies, open, found);
      // Nothing was captured. Replicas that start a new attempt at once use the same key, so the provider charges once.
      open = await dependencies.store.startNewAttempt(orderId, open.attempt);
      if (open === undefined) return undefined;
    }
  }
  return await decide(dependencies, open, await requestCharge(dependencies, open, run, isFirst));
}

async function requestCharge(
  { providerFor, log }: SettlementDependencies,
  { charge: open, paymentMethod }: StoredCharge,
  run: Run,
  counted: boolean,
): Promise<Decision> {
  const { orderId, customerId, amount } = open;
  if (amount === undefined) throw new Error(`order ${orderId} has a charge without an amount`);
  const provider = providerFor(open);
  const key = providerKey('charge', orderId);
  const order = { orderId, customerId, amount, paymentMethod };
  const result = await askUntilDefinite(run, (options) => provider.charge(key, order, { ...options, counted }));
  if (result.kind !== 'key_conflict') return result;
  log.error('the payment provider has the key with other content: looking the charge up instead');
  const found = await askUntilDefinite(run, (options) => provider.findCharge(orderId, options));
  if (found.kind === 'none') throw outcomeUnknown('the payment provider refuses the key and has no charge');
  return found;
}

// A refund was requested while the outcome is unknown. No new call starts from then on, so once the call window is over the provider
// is not expected to capture any more; should it still do, refundLateCapture finds it.
async function voidUncaptured(
  dependencies: SettlementDependencies,
  stored: StoredCharge,
  run: Run,
): Promise<StoredCharge | undefined> {
  const { orderId, synthetic } = stored.charge;
  const provider = dependencies.providerFor(stored.charge);
  let latest: StoredCharge | undefined = stored;
  for (let attempt = 1; latest !== undefined && nextStep(latest) === 'void'; attempt += 1) {
    const found = await askUntilDefinite(run, (options) => provider.findCharge(orderId, options));
    if (found.kind !== 'none') return await decide(dependencies, latest, found);
    if (latest.callWindowMs === 0 || synthetic) {
      const saved = await save(dependencies, voidCharge(latest.charge));
      if (saved !== undefined) dependencies.log.info('charge voided: the provider has no charge of the order');
      return saved;
    }
    const waitMs = Math.min(latest.callWindowMs, backoffMs(attempt, FIRST_WAIT_MS, MAX_WAIT_MS));
    // Without time for another call after the wait, fail now with the remaining window as the retry delay.
    if (waitMs + 2 * MINIMUM_CALL_MS > run.deadline.remainingMs()) {
      throw outcomeUnknown('a call to the payment provider may be in flight', { retryAfterMs: latest.callWindowMs });
    }
    await pause(waitMs, run.signal);
    latest = await dependencies.store.find(orderId);
  }
  return latest;
}

async function refund(
  dependencies: SettlementDependencies,
  { charge: paid }: StoredCharge,
  run: Run,
): Promise<StoredCharge | undefined> {
  const { orderId, transactionId, amount } = paid;
  if (amount === undefined) throw new Error(`order ${orderId} has a charge without an amount`);
  const key = providerKey('refund', orderId);
  await askUntilDefinite(run, (options) =>
    dependencies.providerFor(paid).refund(key, { transactionId, amount }, options),
  );
  const refunded = await save(dependencies, refundCharge(paid));
  if (refunded !== undefined) dependencies.log.info({ transaction_id: transactionId }, 'payment refunded');
  return refunded;
}

async function decide(
  dependencies: SettlementDependencies,
  open: StoredCharge,
  decision: Decision,
): Promise<StoredCharge | undefined> {
  const decided = decideCharge(open.charge, toStorable(decision, open.paymentMethod));
  const saved = await save(dependencies, decided);
  if (saved === undefined) return undefined;
  const { status, declineCode, transactionId } = decided;
  const fields = status === 'DECLINED' ? { decline_code: declineCode } : { transaction_id: transactionId };
  dependencies.log.info(fields, `payment ${status.toLowerCase()}`);
  return saved;
}

// What the provider says is stored and shown, and may quote the payment method, a secret. It is redacted first: a part of it that a
// limit cuts off would not be recognized.
function toStorable(decision: Decision, paymentMethod: string): Decision {
  if (decision.kind !== 'declined') return decision;
  const redact = (text: string): string =>
    paymentMethod === '' ? text : text.replaceAll(paymentMethod, '[payment method]');
  const code = cleanText(redact(decision.code), MAX_CODE_LENGTH);
  return { ...decision, code: code || 'declined', message: cleanText(redact(decision.message), MAX_MESSAGE_LENGTH) };
}

// Undefined when the charge was changed concurrently: the caller reads it again.
async function save(
  { store, now, wakeRelay }: SettlementDependencies,
  next: Charge,
): Promise<StoredCharge | undefined> {
  const events = toChargeEvents(next, now());
  const saved = await store.save(next, events);
  if (saved !== undefined && events.length > 0) wakeRelay();
  return saved;
}

type Definite<Result> = Exclude<Result, { kind: 'in_flight' } | { kind: 'unknown' }>;

/**
 * Repeats a call while the first one with its key is in flight, until the run's deadline.
 * @throws {DomainError} PAYMENT_PROVIDER_UNAVAILABLE or PAYMENT_PROVIDER_ERROR when there is no definite result.
 */
async function askUntilDefinite<Result extends ChargeResult | FindResult | RefundResult>(
  { deadline, signal }: Run,
  ask: (options: CallOptions) => Promise<Result>,
): Promise<Definite<Result>> {
  for (let attempt = 1; ; attempt += 1) {
    const timeoutMs = deadline.remainingMs();
    if (timeoutMs < MINIMUM_CALL_MS || signal.aborted)
      throw outcomeUnknown('no time is left to call the payment provider');
    const result = await ask({ timeoutMs, counted: false });
    if (result.kind === 'unknown') throw outcomeUnknown(result.reason, { failedItself: result.failedItself === true });
    if (result.kind !== 'in_flight') return result as Definite<Result>;
    const waitMs = backoffMs(attempt, FIRST_WAIT_MS, MAX_WAIT_MS);
    if (waitMs > deadline.remainingMs())
      throw outcomeUnknown('the first call to the payment provider is still in flight');
    await pause(waitMs, signal);
  }
}

function outcomeUnknown(
  reason: string,
  { retryAfterMs = DEFAULT_RETRY_AFTER_MS, failedItself = false } = {},
): DomainError {
  return unavailable({
    reason: failedItself ? 'PAYMENT_PROVIDER_ERROR' : 'PAYMENT_PROVIDER_UNAVAILABLE',
    message: 'the payment provider has not reported the outcome: retry the call',
    retryAfterMs: Math.ceil(retryAfterMs),
    cause: new Error(reason),
  });
}
