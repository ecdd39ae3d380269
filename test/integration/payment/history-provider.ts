// An in-memory payment provider whose calls may be lost, late or in flight. Hanging up does not undo a capture.
import type { ChargeResult, FindResult, ProviderClient, RefundResult } from '#services/payment/provider-client.ts';

export const CALL_FATES = ['answered', 'request_lost', 'answer_lost', 'late', 'slow'] as const;
export type CallFate = (typeof CALL_FATES)[number];

export type ProviderCharge = {
  readonly id: string;
  readonly orderId: string;
  status: 'pending' | 'captured' | 'declined';
  refunded: boolean;
};

export type ScriptedProvider = Pick<ProviderClient, 'charge' | 'findCharge' | 'refund'> & {
  readonly charges: ProviderCharge[];
  /** The abandoned calls that may still take effect. */
  readonly late: Late[];
  /** Lets time pass: calls in flight are lost, and all keys but the latest are forgotten. */
  age(): void;
};

/** A request in flight, which may be lost, or work that the provider has started and will finish. */
type Late = { readonly isBegun: boolean; readonly happen: () => void };

const LOST = { kind: 'unknown', reason: 'no answer' } as const;

/** Creates a provider with scripted declines; each call gets the next fate. */
export function createScriptedProvider(nextFate: () => CallFate): ScriptedProvider {
  const charges: ProviderCharge[] = [];
  const late: Late[] = [];
  const keys = new Map<string, { readonly charge: ProviderCharge; age: number }>();

  const capture = (key: string, orderId: string, paymentMethod: string): ProviderCharge => {
    const known = keys.get(key)?.charge;
    if (known !== undefined) return known;
    const status = paymentMethod === 'pm_declined' ? 'declined' : 'captured';
    const charge: ProviderCharge = { id: `ch-${charges.length + 1}`, orderId, status, refunded: false };
    charges.push(charge);
    keys.set(key, { charge, age: 0 });
    return charge;
  };
  const refundCharge = (transactionId: string): void => {
    const charge = charges.find(({ id }) => id === transactionId);
    if (charge === undefined) throw new Error(`the provider has no charge ${transactionId}`);
    charge.refunded = true;
  };

  const begin = (key: string, orderId: string, paymentMethod: string): void => {
    const charge = capture(key, orderId, paymentMethod);
    const { status } = charge;
    if (status === 'pending') return;
    charge.status = 'pending';
    const happen = (): void => {
      charge.status = status;
    };
    late.push({ isBegun: true, happen });
  };

  return {
    charges,
    late,
    age: () => {
      for (const { isBegun, happen } of late.splice(0)) if (isBegun) happen();
      for (const [key, kept] of keys) {
        kept.age += 1;
        if (kept.age > 1) keys.delete(key);
      }
    },
    charge: async (key, { orderId, paymentMethod }): Promise<ChargeResult> => {
      const fate = nextFate();
      if (fate === 'request_lost') return LOST;
      if (fate === 'late') {
        late.push({ isBegun: false, happen: () => capture(key, orderId, paymentMethod) });
        return LOST;
      }
      if (fate === 'slow' && !keys.has(key)) {
        begin(key, orderId, paymentMethod);
        return LOST;
      }
      const charge = capture(key, orderId, paymentMethod);
      return fate === 'answer_lost' ? LOST : toDecision(charge);
    },
    findCharge: async (orderId): Promise<FindResult> => {
      const fate = nextFate();
      if (fate !== 'answered' && fate !== 'slow') return LOST;
      const own = charges.filter((charge) => charge.orderId === orderId);
      const deciding =
        own.find(({ status, refunded }) => status === 'captured' && !refunded) ??
        own.find(({ status }) => status === 'pending') ??
        own[0];
      return deciding === undefined ? { kind: 'none' } : toDecision(deciding);
    },
    refund: async (_key, { transactionId }): Promise<RefundResult> => {
      const fate = nextFate();
      if (fate === 'request_lost') return LOST;
      if (fate === 'late') {
        late.push({ isBegun: false, happen: () => refundCharge(transactionId) });
        return LOST;
      }
      refundCharge(transactionId);
      return fate === 'answer_lost' ? LOST : { kind: 'refunded' };
    },
  };
}

function toDecision({ id, status, refunded }: ProviderCharge) {
  if (status === 'pending') return { kind: 'in_flight' } as const;
  if (status === 'declined') return { kind: 'declined', code: 'insufficient_funds', message: '' } as const;
  return { kind: 'captured', transactionId: id, refunded } as const;
}
