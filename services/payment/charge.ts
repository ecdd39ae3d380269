// The charge aggregate: the money of one order, its states and the steps between them. Pure.
//
//   CHARGING -> COMPLETED -> REFUNDED
//   CHARGING -> DECLINED
//   CHARGING -> VOIDED -> REFUNDED (a late capture was found and refunded)
//   TOMBSTONE (a refund came before any charge)
//
// The contract reports VOIDED and TOMBSTONE as refunded: in each of the three states no money is held.
import type { Money } from '../platform/base/money.ts';

export type ChargeStatus =
  /** The provider was asked, or is about to be; the outcome is not known. */
  | 'CHARGING'
  /** The money is captured. */
  | 'COMPLETED'
  /** The provider refused. */
  | 'DECLINED'
  /** The captured money was refunded. */
  | 'REFUNDED'
  /** A refund was requested before the provider captured anything: no charge is attempted any more. */
  | 'VOIDED'
  /** A refund was requested before any charge: the order can never be charged. */
  | 'TOMBSTONE';

/** A status that the table stores. Two of ours share its REFUNDED. */
export type StoredStatus = Exclude<ChargeStatus, 'VOIDED' | 'TOMBSTONE'>;

export type Charge = {
  readonly orderId: string;
  /** Empty for a tombstone. */
  readonly customerId: string;
  /** Undefined for a tombstone. */
  readonly amount: Money | undefined;
  readonly status: ChargeStatus;
  /** The provider's id; empty unless money was captured. */
  readonly transactionId: string;
  readonly declineCode: string;
  readonly declineMessage: string;
  readonly synthetic: boolean;
  readonly version: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The columns of a charge, with the status as the table stores it. */
export type ChargeRecord = Omit<Charge, 'status'> & { readonly status: StoredStatus };

/** A charge and what a settlement needs to continue it. Ages and waits are by the database's clock, in milliseconds. */
export type StoredCharge = {
  readonly charge: Charge;
  /** Empty once the outcome is known. */
  readonly paymentMethod: string;
  /** Whether a refund was requested. */
  readonly refundRequested: boolean;
  readonly attempt: number;
  /** Since the provider may have seen the key of this attempt. */
  readonly intentAgeMs: number;
  /** For how long a call for this charge may still be in flight; 0 when none can be. */
  readonly callWindowMs: number;
  /** Whether the charge was voided without an answer, so that a late capture has to be looked for. */
  readonly awaitingLateCapture: boolean;
  /** The trace of the call that stored the charge; empty when it had none. */
  readonly traceparent: string;
};

/** A definite outcome of a charge at the provider. */
export type Decision =
  | { readonly kind: 'captured'; readonly transactionId: string; readonly refunded: boolean }
  | { readonly kind: 'declined'; readonly code: string; readonly message: string };

/** What a settlement does next with a charge; `done` when its state is the caller's answer. */
export type NextStep = 'charge' | 'void' | 'refund' | 'done';

/** Builds a charge from its columns: the only place that derives a status from empty fields. */
export function toCharge(record: ChargeRecord): Charge {
  if (record.status !== 'REFUNDED' || record.transactionId !== '') return record;
  return { ...record, status: record.amount === undefined ? 'TOMBSTONE' : 'VOIDED' };
}

/** Returns the status that the table stores for a charge. */
export function toStoredStatus(status: ChargeStatus): StoredStatus {
  return status === 'VOIDED' || status === 'TOMBSTONE' ? 'REFUNDED' : status;
}

/** Returns what a settlement does next with the charge. */
export function nextStep({ charge, refundRequested }: StoredCharge): NextStep {
  switch (charge.status) {
    case 'CHARGING':
      return refundRequested ? 'void' : 'charge';
    case 'COMPLETED':
      return refundRequested ? 'refund' : 'done';
    default:
      return 'done';
  }
}

/**
 * Returns the charge after the provider's decision.
 * @throws {RangeError} unless it is CHARGING.
 */
export function decideCharge(charge: Charge, decision: Decision): Charge {
  if (charge.status !== 'CHARGING') throw new RangeError(`a charge that is ${charge.status} is already decided`);
  if (decision.kind === 'declined') {
    return advance(charge, { status: 'DECLINED', declineCode: decision.code, declineMessage: decision.message });
  }
  return advance(charge, {
    status: decision.refunded ? 'REFUNDED' : 'COMPLETED',
    transactionId: decision.transactionId,
  });
}

/**
 * Returns the charge after its refund.
 * @throws {RangeError} unless it is COMPLETED.
 */
export function refundCharge(charge: Charge): Charge {
  if (charge.status !== 'COMPLETED') throw new RangeError(`a charge that is ${charge.status} cannot be refunded`);
  return advance(charge, { status: 'REFUNDED' });
}

/**
 * Returns the charge after the provider reported that it has none: it is never charged any more.
 * @throws {RangeError} unless it is CHARGING.
 */
export function voidCharge(charge: Charge): Charge {
  if (charge.status !== 'CHARGING') throw new RangeError(`a charge that is ${charge.status} cannot be voided`);
  return advance(charge, { status: 'VOIDED' });
}

/**
 * Returns a voided charge after its late capture was found and refunded.
 * @throws {RangeError} unless it is VOIDED.
 */
export function recordLateRefund(charge: Charge, transactionId: string): Charge {
  if (charge.status !== 'VOIDED') throw new RangeError(`a charge that is ${charge.status} is not voided`);
  return advance(charge, { status: 'REFUNDED', transactionId });
}

/** A charge found by its order or its key when a payment is requested. */
export type KnownCharge = {
  readonly stored: StoredCharge;
  /** Empty for a tombstone. */
  readonly requestHash: string;
};

/**
 * Finds the charge that answers a duplicate request. Returns undefined when the order or the key was used with other content; a
 * tombstone has no content and answers every request for its order.
 */
export function matchDuplicate(
  known: readonly KnownCharge[],
  request: { readonly orderId: string; readonly requestHash: string },
): StoredCharge | undefined {
  const foreign = known.some(({ stored }) => stored.charge.orderId !== request.orderId);
  const [own] = known;
  if (foreign || own === undefined) return undefined;
  const isMatch = own.stored.charge.status === 'TOMBSTONE' || own.requestHash === request.requestHash;
  return isMatch ? own.stored : undefined;
}

function advance(charge: Charge, change: Partial<Charge>): Charge {
  return { ...charge, ...change, version: charge.version + 1 };
}
