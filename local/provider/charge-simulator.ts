// What the fake payment provider does with a charge or a refund, apart from HTTP: idempotency keys, declines, captures.
// Its faults are the ones real providers have: keys are forgotten in time, and a capture does not care who hung up.

import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../shared/clock.ts';
import { type JsonAnswer, RequestError } from '../shared/json-server.ts';
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

/** A key's whole life: in flight until its call is settled, then remembered until its retention is over. */
type KeyState =
  | { state: 'in-flight'; fingerprint: string }
  | { state: 'settled'; fingerprint: string; time: number; result: Charge | Refund };

export type ChargeSimulatorOptions = {
  clock: Clock;
  /** Resolves when the entry stands in the ledger. */
  append(entry: LedgerEntry): Promise<void>;
  keyRetentionMs: number;
  slowCaptureMs: number;
};

export class ChargeSimulator {
  readonly #options: ChargeSimulatorOptions;
  readonly #charges = new Map<string, Charge>();
  readonly #refunds = new Map<string, Refund>();
  readonly #byOrder = new Map<string, Charge[]>();
  /** In the order in which they will be forgotten, those in flight aside. */
  readonly #keys = new Map<string, KeyState>();
  readonly #callOffSlowCaptures = new Set<() => void>();

  constructor(options: ChargeSimulatorOptions) {
    this.#options = options;
  }

  /** Takes in, at start, what the ledger holds, entry by entry. */
  restore(entry: LedgerEntry): void {
    if (entry.type === 'charge') {
      this.#addCharge(entry.charge);
      this.#rememberKey(entry, entry.charge);
    } else {
      this.#addRefund(entry.refund);
      this.#rememberKey(entry, entry.refund);
    }
  }

  /** Resolves with the HTTP answer once it stands in the ledger; throws RequestError for what is refused and not remembered. */
  async charge(key: string, request: ChargeRequest): Promise<JsonAnswer> {
    const fingerprint = fingerprintOf('charge', request);
    const settled = this.#claimKey(key, fingerprint);
    if (settled) return answerCharge(settled as Charge, true);
    try {
      if (request.payment_method === 'pm_provider_error') {
        throw new RequestError(500, 'provider_error', 'The provider failed; nothing was captured');
      }
      return answerCharge(await this.#makeCharge(key, fingerprint, request), false);
    } catch (error) {
      // A failure of ours is not an answer: the key is free again and the next call with it is a first call.
      this.#keys.delete(key);
      throw error;
    }
  }

  /** Gives a whole captured charge back; answers and throws like `charge`. */
  async refund(key: string, request: RefundRequest): Promise<JsonAnswer> {
    const fingerprint = fingerprintOf('refund', request);
    const settled = this.#claimKey(key, fingerprint);
    if (settled) return answerRefund(settled as Refund, true);
    try {
      return answerRefund(await this.#makeRefund(key, fingerprint, request), false);
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

  /** Abandons the slow captures that have not happened yet: they never will. */
  close(): void {
    for (const callOff of this.#callOffSlowCaptures) callOff();
    this.#callOffSlowCaptures.clear();
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
      const answered: Charge = decline
        ? { ...charge, status: 'declined', failure_code: decline.code, failure_message: decline.message }
        : { ...charge, status: 'captured' };
      const entry: LedgerEntry = { type: 'charge', key, fingerprint, time: clock.now(), charge: answered };
      await this.#options.append(entry);
      Object.assign(charge, answered);
      this.#rememberKey(entry, charge);
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
    // Taken before the disk is asked, so that a second refund arriving meanwhile finds the charge refunded.
    charge.refund_id = refund.id;
    try {
      await this.#options.append(entry);
    } catch (error) {
      delete charge.refund_id;
      throw error;
    }
    this.#addRefund(refund);
    this.#rememberKey(entry, refund);
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
        `the charge is ${charge.status}, nothing can be given back`,
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

  /** Returns what the key did before; otherwise the key is the caller's, in flight. */
  #claimKey(key: string, fingerprint: string): Charge | Refund | undefined {
    this.#forgetOldKeys();
    const known = this.#keys.get(key);
    if (!known) {
      this.#keys.set(key, { state: 'in-flight', fingerprint });
      return undefined;
    }
    if (known.fingerprint !== fingerprint) {
      throw refuse(422, 'idempotency_key_reused', 'Idempotency-Key', 'was used with another body');
    }
    if (known.state === 'settled') return known.result;
    throw refuse(409, 'idempotency_key_in_use', 'Idempotency-Key', 'the first call with it is still in flight');
  }

  #rememberKey({ key, fingerprint, time }: LedgerEntry, result: Charge | Refund): void {
    this.#keys.delete(key);
    this.#keys.set(key, { state: 'settled', fingerprint, time, result });
  }

  #forgetOldKeys(): void {
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
      const callOff = clock.schedule(slowCaptureMs, () => {
        this.#callOffSlowCaptures.delete(callOff);
        resolve();
      });
      this.#callOffSlowCaptures.add(callOff);
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
    const left = (this.#byOrder.get(charge.order_id) ?? []).filter((other) => other !== charge);
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

function answerCharge(charge: Charge, replayed: boolean): JsonAnswer {
  if (charge.status !== 'declined') return { status: 200, body: charge, ...replayHeader(replayed) };
  const error = { code: charge.failure_code, message: charge.failure_message, charge_id: charge.id };
  return { status: 402, body: { error }, ...replayHeader(replayed) };
}

function answerRefund(refund: Refund, replayed: boolean): JsonAnswer {
  return { status: 200, body: refund, ...replayHeader(replayed) };
}

function replayHeader(replayed: boolean): Pick<JsonAnswer, 'headers'> {
  return replayed ? { headers: { 'idempotent-replayed': 'true' } } : {};
}

function refuse(status: number, code: string, field: string, message: string): RequestError {
  return new RequestError(status, code, `${field}: ${message}`, [{ field, message }]);
}

/** The payment method is a secret: what is kept of a body is a digest. */
function fingerprintOf(operation: string, request: ChargeRequest | RefundRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([operation, request]))
    .digest('base64url');
}
