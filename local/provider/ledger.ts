// The provider's ledger: every charge answered and every refund made, each with the idempotency key that asked for it.
// It stands for the world outside: given a file it survives restarts and kills, and never forgets money.

import { type AppendLog, openAppendLog } from '../shared/append-log.ts';

export type Amount = {
  currency_code: string;
  /** Integer, within the safe integers: 59.99 EUR is 5999. */
  minor_units: number;
};

export type Charge = {
  id: string;
  order_id: string;
  customer_id: string;
  amount: Amount;
  /** `pending`: the first call is still in flight and may yet capture. */
  status: 'pending' | 'captured' | 'declined';
  failure_code?: string;
  failure_message?: string;
  refund_id?: string;
  create_time: string;
};

export type Refund = {
  id: string;
  charge_id: string;
  order_id: string;
  amount: Amount;
  create_time: string;
};

/** What one idempotency key did; `time` in milliseconds since the epoch starts its retention. */
export type LedgerEntry = { key: string; fingerprint: string; time: number } & (
  | { type: 'charge'; charge: Charge }
  | { type: 'refund'; refund: Refund }
);

export type Ledger = AsyncDisposable & {
  append(entry: LedgerEntry): Promise<void>;
};

/** Opens the ledger and hands what it holds to `onEntry`. Without a file it lives as long as the process. */
export async function openLedger(file: string | undefined, onEntry: (entry: LedgerEntry) => void): Promise<Ledger> {
  if (file === undefined) {
    return { append: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  const log: AppendLog<LedgerEntry> = await openAppendLog(file, onEntry);
  return log;
}
