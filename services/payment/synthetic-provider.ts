// The provider of synthetic orders: decides by the payment method, as the fake provider does, and moves no money.
import type { Decision } from './charge.ts';
import type { ChargingProvider } from './settlement.ts';

const DECLINES: Readonly<Record<string, Decision>> = {
  pm_insufficient_funds: { kind: 'declined', code: 'insufficient_funds', message: 'Insufficient funds' },
  pm_expired_card: { kind: 'declined', code: 'expired_card', message: 'The card has expired' },
};
const SILENT = new Set(['pm_provider_error', 'pm_slow']);

/** Answers at once and stores nothing: the charge's row has the decision. */
export const syntheticProvider: ChargingProvider = {
  charge: async (key, { paymentMethod }) => {
    if (SILENT.has(paymentMethod)) {
      const reason = `${paymentMethod} of a synthetic order`;
      return { kind: 'unknown', reason, failedItself: paymentMethod === 'pm_provider_error' };
    }
    return DECLINES[paymentMethod] ?? { kind: 'captured', transactionId: `synthetic-${key}`, refunded: false };
  },
  findCharge: async () => ({ kind: 'none' }),
  refund: async () => ({ kind: 'refunded' }),
};
