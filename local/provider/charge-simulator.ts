// The fake payment provider's charges and refunds, without HTTP: idempotency keys, declines, captures. As at real providers, keys
// expire, and a capture completes even when the caller has disconnected.

import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../shared/clock.ts';
import { type JsonResponse, RequestError } from '../shared/json-server.ts';
import type { Amount, Charge, LedgerEntry, Refund } from './ledger.ts';

export type ChargeRequest = {
  order_id: string;
  customer_id: string;
  amount: Amount;
  payment_method: string;
};

export type RefundRequest = {
  charge_id: string;
  amount?: Amount | undefined;
  reason?: string | undefined;
};

const DECLINES: Record<string, { code: string; message: string }> = {
  pm_insufficient_funds: { code: 'insufficient_funds', message: 'Insufficient funds' },
  pm_expired_card: { code: 'expired_card', message: 'Expired card' },
};

export const PAYMENT_METHODS = ['pm_approved', 'pm_provider_error', 'pm_slow', ...Object.keys(DECLINES)];

/** The state of an idempotency key: in flight until its call is settled, then kept until its retention ends. */
type KeyState =
  | { state: 'in-flight'; fingerprint: string }
  | { state: 'settled'; fingerprint: string; time: number; result: Charge | Refund };

export type ChargeSimulatorOptions = {
  clock: Clock;
  /** Resolves when the entry is in the ledger. */
  append(entry: LedgerEntry): Promise<void>;
  keyRetentionMs: number;
  slowCaptureMs: number;
};

export class ChargeSimulator {
  readonly #options: ChargeSimulatorOptions;
  readonly #charges = new Map<string, Charge>();
  readonly #refunds = new Map<string, Refund>();
  readonly #byOrder = new Map<string, Charge[]>();
  /** Settled keys are in the order in which they expire; keys in flight are anywhere between. */
  readonly #keys = new Map<string, KeyState>();
  readonly #slowCaptureCancels = new Set<() => void>();

  constructor(options: ChargeSimulatorOptions) {
    this.#options = options;
  }

  /** Applies one entry of the ledger at start. */
  restore(entry: LedgerEntry): void {
    if (entry.type === 'charge') {
      this.#addCharge(entry.charge);
      this.#settleKey(entry, entry.charge);
    } else {
      this.#addRefund(entry.refund);
      this.#settleKey(entry, entry.refund);
    }
  }

  /**
   * Resolves with the HTTP response once the charge is in the ledger.
   * @throws {RequestError} for a rejected request; its key is not kept.
   */
  async charge(key: string, request: ChargeRequest): Promise<JsonResponse> {
    const fingerprint = fingerprintOf('charge', request);
    const settled = this.#claimKey(key, fingerprint);
    if (settled) return chargeResponse(settled as Charge, true);
    try {
      if (request.payment_method === 'pm_provider_error') {
        const message = 'The provider failed; nothing was captured';
        throw new RequestError({ status: 500, code: 'provider_error', message });
      }
      return chargeResponse(await this.#makeCharge(key, fingerprint, request), false);
    } catch (error) {
      // A failed request has no result to replay: the next call with the key is a first call.
      this.#keys.delete(key);
      throw error;
    }
  }

  /**
   * Refunds a captured charge in full; resolves like `charge`.
   * @throws {RequestError} for a rejected request; its key is not kept.
   */
  async refund(key: string, request: RefundRequest): Promise<JsonResponse> {
    const fingerprint = fingerprintOf('refund', request);
    const settled = this.#claimKey(key, fingerprint);
    if (settled) return refundResponse(settled as Refund, true);
    try {
      return refundResponse(await this.#makeRefund(key, fingerprint, request), false);
    } catch (error) {
      this.#keys.delete(key);
      throw error;
    }
  }

  /** Every charge, oldest first, pending ones included. */
  listCharges(): Iterable<Charge> {
    return this.#charges.values();
  }

  chargesOfOrder(orderId: string): Iterable<Charge> {
    return this.#byOrder.get(orderId) ?? [];
  }

  listRefunds(): Iterable<Refund> {
    return this.#refunds.values();
  }

  /** Cancels the slow captures that are still pending. */
  close(): void {
    for (const cancel of this.#slowCaptureCancels) cancel();
    this.#slowCaptureCancels.clear();
  }

  async #makeCharge(key: string, fingerprint: string, request: ChargeRequest): Promise<Charge> {
    const { clock } = this.#options;
    const decline = DECLINES[request.payment_method];
    const charge: Charge = {
      id: `ch_${randomUUID()}`,
      order_id: request.order_id,
      customer_id: request.customer_id,
      amount: request.amount,
      status: 'pending',
      create_time: new Date(clock.now()).toISOString(),
    };
    this.#addCharge(charge);
    try {
      if (request.payment_method === 'pm_slow') await this.#waitForSlowCapture();
      const settled: Charge = decline
        ? { ...charge, status: 'declined', failure_code: decline.code, failure_message: decline.message }
        : { ...charge, status: 'captured' };
      const entry: LedgerEntry = { type: 'charge', key, fingerprint, time: clock.now(), charge: settled };
      await this.#options.append(entry);
      Object.assign(charge, settled);
      this.#settleKey(entry, charge);
      return charge;
    } catch (error) {
      this.#removeCharge(charge);
      throw error;
    }
  }

  async #makeRefund(key: string, fingerprint: string, request: RefundRequest): Promise<Refund> {
    const { clock } = this.#options;
    const charge = this.#refundableCharge(request);
    const refund: Refund = {
      id: `re_${randomUUID()}`,
      charge_id: charge.id,
      order_id: charge.order_id,
      amount: charge.amount,
      create_time: new Date(clock.now()).toISOString(),
    };
    const entry: LedgerEntry = { type: 'refund', key, fingerprint, time: clock.now(), refund };
    // Set before the append, so that a concurrent refund finds the charge already refunded.
    charge.refund_id = refund.id;
    try {
      await this.#options.append(entry);
    } catch (error) {
      delete charge.refund_id;
      throw error;
    }
    this.#addRefund(refund);
    this.#settleKey(entry, refund);
    return refund;
  }

  #refundableCharge({ charge_id: chargeId, amount }: RefundRequest): Charge {
    const charge = this.#charges.get(chargeId);
    if (!charge) throw refuse(404, 'charge_not_found', 'charge_id', 'no such charge');
    if (charge.status !== 'captured') {
      throw refuse(
        422,
        'charge_not_captured',
        'charge_id',
        `the charge is ${charge.status}, only a captured charge can be refunded`,
      );
    }
    if (charge.refund_id) throw refuse(422, 'charge_already_refunded', 'charge_id', 'the charge is refunded already');
    if (!amount) return charge;
    if (amount.currency_code !== charge.amount.currency_code) {
      throw refuse(422, 'wrong_currency', 'amount.currency_code', `the charge was in ${charge.amount.currency_code}`);
    }
    const captured = charge.amount.minor_units;
    if (amount.minor_units > captured) {
      throw refuse(422, 'refund_exceeds_charge', 'amount.minor_units', `more than the ${captured} captured`);
    }
    if (amount.minor_units < captured) {
      throw refuse(422, 'partial_refund', 'amount.minor_units', `refunds are for the whole charge, ${captured}`);
    }
    return charge;
  }

  /** Returns the result of a settled key; undefined for a new key, which is in flight from now on. */
  #claimKey(key: string, fingerprint: string): Charge | Refund | undefined {
    this.#removeExpiredKeys();
    const known = this.#keys.get(key);
    if (!known) {
      this.#keys.set(key, { state: 'in-flight', fingerprint });
      return undefined;
    }
    if (known.fingerprint !== fingerprint) {
      throw refuse(422, 'idempotency_key_reused', 'Idempotency-Key', 'was used with a different body');
    }
    if (known.state === 'settled') return known.result;
    throw refuse(409, 'idempotency_key_in_use', 'Idempotency-Key', 'the first call with it is still in flight');
  }

  #settleKey({ key, fingerprint, time }: LedgerEntry, result: Charge | Refund): void {
    this.#keys.delete(key);
    this.#keys.set(key, { state: 'settled', fingerprint, time, result });
  }

  #removeExpiredKeys(): void {
    const { clock, keyRetentionMs } = this.#options;
    for (const [key, known] of this.#keys) {
      if (known.state === 'in-flight') continue;
      if (clock.now() - known.time < keyRetentionMs) return;
      this.#keys.delete(key);
    }
  }

  #waitForSlowCapture(): Promise<void> {
    const { clock, slowCaptureMs } = this.#options;
    return new Promise((resolve) => {
      const cancel = clock.schedule(slowCaptureMs, () => {
        this.#slowCaptureCancels.delete(cancel);
        resolve();
      });
      this.#slowCaptureCancels.add(cancel);
    });
  }

  #addCharge(charge: Charge): void {
    this.#charges.set(charge.id, charge);
    const ofOrder = this.#byOrder.get(charge.order_id);
    if (ofOrder) ofOrder.push(charge);
    else this.#byOrder.set(charge.order_id, [charge]);
  }

  #removeCharge(charge: Charge): void {
    this.#charges.delete(charge.id);
    const left = (this.#byOrder.get(charge.order_id) ?? []).filter((candidate) => candidate !== charge);
    if (left.length > 0) this.#byOrder.set(charge.order_id, left);
    else this.#byOrder.delete(charge.order_id);
  }

  #addRefund(refund: Refund): void {
    const charge = this.#charges.get(refund.charge_id);
    if (!charge)
      throw new Error(`refund ${refund.id} is of charge ${refund.charge_id}, which the ledger does not hold`);
    this.#refunds.set(refund.id, refund);
    charge.refund_id = refund.id;
  }
}

function chargeResponse(charge: Charge, replayed: boolean): JsonResponse {
  if (charge.status !== 'declined') return { status: 200, body: charge, ...replayHeader(replayed) };
  const error = { code: charge.failure_code, message: charge.failure_message, charge_id: charge.id };
  return { status: 402, body: { error }, ...replayHeader(replayed) };
}

function refundResponse(refund: Refund, replayed: boolean): JsonResponse {
  return { status: 200, body: refund, ...replayHeader(replayed) };
}

function replayHeader(replayed: boolean): Pick<JsonResponse, 'headers'> {
  return replayed ? { headers: { 'idempotent-replayed': 'true' } } : {};
}

function refuse(status: number, code: string, field: string, message: string): RequestError {
  return new RequestError({ status, code, message: `${field}: ${message}`, fields: [{ field, message }] });
}

/** A digest of the body: the ledger must not hold the payment method, which is a secret. */
function fingerprintOf(operation: string, request: ChargeRequest | RefundRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([operation, request]))
    .digest('base64url');
}
