// Brings a charge to a state that holds, step by step, whoever was interrupted before: asks the provider outside any
// transaction, then stores its answer. Any number of replicas may settle one charge: the provider's keys and the row's version
// see to it that money moves once.
import { createHash } from 'node:crypto';
import { backoffMs, pause } from '../platform/base/backoff.ts';
import type { Deadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, type DomainError, unavailable } from '../platform/base/errors.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  type Charge,
  type Decision,
  decideCharge,
  giveUpCharge,
  nextStep,
  recordLateRefund,
  refundCharge,
  type StoredCharge,
} from './charge.ts';
import { toChargeEvents } from './charge-messages.ts';
import type { ChargeStore } from './charge-store.ts';
import type { CallOptions, ProviderClient } from './provider-client.ts';

// Charge, refund, and some reading again after others were faster.
const MAX_STEPS = 10;
const MINIMUM_CALL_MS = 20;
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 500;

/** What charges and refunds. */
export type ChargingProvider = Pick<ProviderClient, 'charge' | 'findCharge' | 'refund'>;

export type SettlementDependencies = {
  readonly store: Pick<ChargeStore, 'find' | 'announceCall' | 'renewIntent' | 'save'>;
  /** Who charges and refunds: no real provider is asked for a synthetic order. */
  readonly providerFor: (charge: Pick<Charge, 'synthetic'>) => ChargingProvider;
  /** From which age on a key may be forgotten by the provider, so that a call must not be repeated. */
  readonly keySafeMs: number;
  /** Publishes the events just stored. */
  readonly wakeRelay: () => void;
  readonly now: () => Date;
  readonly log: Logger;
};

/** One run: until when, and a signal that ends its waits early. */
export type Run = { readonly deadline: Deadline; readonly signal: AbortSignal };

/**
 * Settles an order's charge. `intent` is a charge stored just now, whose first call is this one.
 * Returns it completed, declined or refunded; throws DomainError `unavailable` PAYMENT_PROVIDER_UNAVAILABLE when the provider
 * did not tell: the charge stays as it is.
 */
export async function settleCharge(
  dependencies: SettlementDependencies,
  orderId: string,
  run: Run,
  intent?: StoredCharge,
): Promise<Charge> {
  let first = intent;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const stored = first ?? (await dependencies.store.find(orderId));
    if (stored === undefined) throw new Error(`order ${orderId} has no charge to settle`);
    switch (nextStep(stored)) {
      case 'nothing':
        return stored.charge;
      case 'charge':
        await charge(dependencies, stored, run, first !== undefined);
        break;
      case 'give_up':
        await giveUp(dependencies, stored, run);
        break;
      case 'refund':
        await refund(dependencies, stored, run);
        break;
    }
    first = undefined;
  }
  throw stillOpen('the charge changed too often meanwhile');
}

/** Looks for money captured after its charge was given up, and gives it back. Throws as `settleCharge`. */
export async function giveLateCaptureBack(
  dependencies: SettlementDependencies,
  { charge: given }: StoredCharge,
  run: Run,
): Promise<void> {
  const { orderId, amount } = given;
  const provider = dependencies.providerFor(given);
  const found = await askUntilTold(run, (options) => provider.findCharge(orderId, options));
  if (found.kind !== 'captured' || amount === undefined) return;
  const { transactionId } = found;
  dependencies.log.warn({ transaction_id: transactionId }, 'a charge given up was captured after all: refunding');
  const key = providerKey('refund', orderId);
  await askUntilTold(run, (options) => provider.refund(key, { transactionId, amount }, options));
  await save(dependencies, recordLateRefund(given, transactionId));
}

/** The key under which the provider knows an order's charge or refund: the same for ever, in characters a header takes. */
export function providerKey(operation: 'charge' | 'refund', orderId: string): string {
  return `${operation}-${createHash('sha256').update(orderId).digest('hex')}`;
}

async function charge(dependencies: SettlementDependencies, stored: StoredCharge, run: Run, isFirst: boolean) {
  const { orderId } = stored.charge;
  let open: StoredCharge | undefined = stored;
  if (!isFirst) {
    open = await dependencies.store.announceCall(orderId);
    if (open === undefined) return;
    if (open.intentAgeMs >= dependencies.keySafeMs) {
      const found = await askUntilTold(run, (options) =>
        dependencies.providerFor(stored.charge).findCharge(orderId, options),
      );
      if (found.kind !== 'none') return await decide(dependencies, open, found);
      // Nothing was captured, and whoever starts the new attempt first shares its key with the others.
      open = await dependencies.store.renewIntent(orderId, open.attempt);
      if (open === undefined) return;
    }
  }
  await decide(dependencies, open, await requestCharge(dependencies, open, run, isFirst));
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
  const result = await askUntilTold(run, (options) => provider.charge(key, order, { ...options, counted }));
  if (result.kind !== 'key_conflict') return result;
  log.error('the payment provider holds the key for another content: looking for the charge instead');
  const found = await askUntilTold(run, (options) => provider.findCharge(orderId, options));
  if (found.kind === 'none') throw stillOpen('the payment provider refuses the key and has no charge');
  return found;
}

// A refund was asked for while the outcome is not known. No new call is made from then on, so once the announced ones are over
// what the provider does not have will not come; what comes nevertheless is found by giveLateCaptureBack.
async function giveUp(dependencies: SettlementDependencies, stored: StoredCharge, run: Run): Promise<void> {
  const { orderId, synthetic } = stored.charge;
  const provider = dependencies.providerFor(stored.charge);
  let latest: StoredCharge | undefined = stored;
  for (let attempt = 1; latest !== undefined && nextStep(latest) === 'give_up'; attempt += 1) {
    const found = await askUntilTold(run, (options) => provider.findCharge(orderId, options));
    if (found.kind !== 'none') return await decide(dependencies, latest, found);
    if (latest.callsEndInMs === 0 || synthetic) {
      const givenUp = await save(dependencies, giveUpCharge(latest.charge));
      if (givenUp) dependencies.log.info('a charge the provider knows nothing of was given up');
      return;
    }
    const waitMs = Math.min(latest.callsEndInMs, backoffMs(attempt, FIRST_WAIT_MS, MAX_WAIT_MS));
    // After the wait there must be time to ask again, else nothing is told of how long to wait.
    if (waitMs + 2 * MINIMUM_CALL_MS > run.deadline.remainingMs()) {
      throw stillOpen('a call to the payment provider may be on its way', latest.callsEndInMs);
    }
    await pause(waitMs, run.signal);
    latest = await dependencies.store.find(orderId);
  }
}

async function refund(dependencies: SettlementDependencies, { charge: paid }: StoredCharge, run: Run): Promise<void> {
  const { orderId, transactionId, amount } = paid;
  if (amount === undefined) throw new Error(`order ${orderId} has a charge without an amount`);
  const key = providerKey('refund', orderId);
  await askUntilTold(run, (options) => dependencies.providerFor(paid).refund(key, { transactionId, amount }, options));
  const refunded = await save(dependencies, refundCharge(paid));
  if (refunded) dependencies.log.info({ transaction_id: transactionId }, 'payment refunded');
}

async function decide(dependencies: SettlementDependencies, open: StoredCharge, decision: Decision): Promise<void> {
  const decided = decideCharge(open.charge, withoutQuote(decision, open.paymentMethod));
  if (!(await save(dependencies, decided))) return;
  const { declineCode, transactionId } = decided;
  const fields = declineCode === '' ? { transaction_id: transactionId } : { decline_code: declineCode };
  dependencies.log.info(fields, `payment ${decided.status.toLowerCase()}`);
}

// A provider may quote the payment method; its words are kept and shown, the payment method is a secret.
function withoutQuote(decision: Decision, paymentMethod: string): Decision {
  if (decision.kind !== 'declined' || paymentMethod === '') return decision;
  const hide = (words: string): string => words.replaceAll(paymentMethod, '[payment method]');
  return { ...decision, code: hide(decision.code), message: hide(decision.message) };
}

// False when somebody else stored the same or more meanwhile: whoever asks reads again.
async function save({ store, now, wakeRelay }: SettlementDependencies, next: Charge): Promise<boolean> {
  const events = toChargeEvents(next, now());
  const saved = await store.save(next, events);
  if (saved !== undefined && events.length > 0) wakeRelay();
  return saved !== undefined;
}

type Told<Result> = Exclude<Result, { kind: 'in_flight' } | { kind: 'unknown' }>;

/** Asks again while the first call is in flight, as long as the run lasts. Throws when nothing is told. */
async function askUntilTold<Result extends { readonly kind: string }>(
  { deadline, signal }: Run,
  ask: (options: CallOptions) => Promise<Result>,
): Promise<Told<Result>> {
  for (let attempt = 1; ; attempt += 1) {
    const timeoutMs = deadline.remainingMs();
    if (timeoutMs < MINIMUM_CALL_MS || signal.aborted) throw stillOpen('no time is left to ask the payment provider');
    const result = await ask({ timeoutMs, counted: false });
    if (result.kind === 'unknown') throw stillOpen((result as { reason?: string }).reason ?? '');
    if (result.kind !== 'in_flight') return result as Told<Result>;
    const waitMs = backoffMs(attempt, FIRST_WAIT_MS, MAX_WAIT_MS);
    if (waitMs > deadline.remainingMs()) throw stillOpen('the payment provider still works on the first call');
    await pause(waitMs, signal);
  }
}

function stillOpen(reason: string, retryAfterMs = DEFAULT_RETRY_AFTER_MS): DomainError {
  return unavailable({
    reason: 'PAYMENT_PROVIDER_UNAVAILABLE',
    message: 'the payment provider has not told the outcome: repeat the call',
    retryAfterMs: Math.ceil(retryAfterMs),
    cause: new Error(reason),
  });
}
