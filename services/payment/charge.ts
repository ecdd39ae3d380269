// The charge of one order: its states and the steps between them. Pure.
// CHARGING -> COMPLETED -> REFUNDED, CHARGING -> DECLINED, CHARGING -> REFUNDED (given up: the provider never captured).
import type { Money } from '../platform/base/money.ts';

export type ChargeStatus = 'CHARGING' | 'COMPLETED' | 'DECLINED' | 'REFUNDED';

export type Charge = {
  readonly orderId: string;
  /** Empty, as the amount is undefined, when a refund came before any charge. */
  readonly customerId: string;
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

/** A charge with what is needed to go on with it. Ages and waits are by the database's clock, in milliseconds. */
export type StoredCharge = {
  readonly charge: Charge;
  /** Empty once the outcome is known. */
  readonly paymentMethod: string;
  /** Whether somebody asked for the money back. */
  readonly refundRequested: boolean;
  readonly attempt: number;
  /** Since the provider may have seen this attempt's key. */
  readonly intentAgeMs: number;
  /** For how long a call made for this charge may still be on its way; 0 when none can be. */
  readonly callsEndInMs: number;
  /** Whether it was given up unanswered, so that a late capture has to be looked for. */
  readonly watched: boolean;
  /** The trace of the call that stored it; empty when it had none. */
  readonly traceparent: string;
};

/** What the provider has decided about a charge. */
export type Decision =
  | { readonly kind: 'captured'; readonly transactionId: string; readonly refunded: boolean }
  | { readonly kind: 'declined'; readonly code: string; readonly message: string };

/** What a stored charge needs next; `nothing` is the answer a caller gets. */
export type NextStep = 'charge' | 'give_up' | 'refund' | 'nothing';

/** Tells what a stored charge needs to reach a state that holds. */
export function nextStep({ charge, refundRequested }: StoredCharge): NextStep {
  switch (charge.status) {
    case 'CHARGING':
      return refundRequested ? 'give_up' : 'charge';
    case 'COMPLETED':
      return refundRequested ? 'refund' : 'nothing';
    default:
      return 'nothing';
  }
}

/** The charge after the provider's decision. Throws RangeError unless it was open. */
export function decideCharge(charge: Charge, decision: Decision): Charge {
  if (charge.status !== 'CHARGING') throw new RangeError(`a charge that is ${charge.status} has been decided`);
  if (decision.kind === 'declined') {
    return advance(charge, { status: 'DECLINED', declineCode: decision.code, declineMessage: decision.message });
  }
  return advance(charge, {
    status: decision.refunded ? 'REFUNDED' : 'COMPLETED',
    transactionId: decision.transactionId,
  });
}

/** The charge after its money was given back. Throws RangeError unless it was completed. */
export function refundCharge(charge: Charge): Charge {
  if (charge.status !== 'COMPLETED') throw new RangeError(`a charge that is ${charge.status} has nothing to give back`);
  return advance(charge, { status: 'REFUNDED' });
}

/** The charge given up while the provider knew nothing of it: it can never be charged. Throws RangeError unless it was open. */
export function giveUpCharge(charge: Charge): Charge {
  if (charge.status !== 'CHARGING') throw new RangeError(`a charge that is ${charge.status} cannot be given up`);
  return advance(charge, { status: 'REFUNDED' });
}

/** A given-up charge whose late capture was found and given back. Throws RangeError unless it was given up. */
export function recordLateRefund(charge: Charge, transactionId: string): Charge {
  if (charge.status !== 'REFUNDED' || charge.transactionId !== '') {
    throw new RangeError(`a charge that is ${charge.status} was not given up`);
  }
  return advance(charge, { transactionId });
}

/** What is known of an order or a key when a payment is asked for. */
export type KnownCharge = {
  readonly stored: StoredCharge;
  /** Empty when a refund came before any charge. */
  readonly requestHash: string;
};

/**
 * Finds the charge that answers a repeated request. Returns undefined when an order or key is there with other content; an
 * order refunded before it was charged has no content and answers every request.
 */
export function matchRepeat(
  known: readonly KnownCharge[],
  request: { readonly orderId: string; readonly requestHash: string },
): StoredCharge | undefined {
  const foreign = known.some(({ stored }) => stored.charge.orderId !== request.orderId);
  const own = known.find(({ stored }) => stored.charge.orderId === request.orderId);
  if (foreign || own === undefined) return undefined;
  return own.requestHash === '' || own.requestHash === request.requestHash ? own.stored : undefined;
}

function advance(charge: Charge, change: Partial<Charge>): Charge {
  return { ...charge, ...change, version: charge.version + 1 };
}
