// The fake provider's ledger: every settled charge and refund with its idempotency key. With a file, it survives restarts and
// SIGKILLs, as a real provider's records outlive ours.

import { type AppendLog, openAppendLog } from '../shared/append-log.ts';

export type Amount = {
  currency_code: string;
  /** A safe integer: 59.99 EUR is 5999. */
  minor_units: number;
};

export type Charge = {
  id: string;
  order_id: string;
  customer_id: string;
  amount: Amount;
  /** `pending`: the first call is in flight and may still capture. */
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

/** The result of one idempotency key. Its retention starts at `time`, in milliseconds since the epoch. */
export type LedgerEntry = { key: string; fingerprint: string; time: number } & (
  | { type: 'charge'; charge: Charge }
  | { type: 'refund'; refund: Refund }
);

export type Ledger = AsyncDisposable & {
  append(entry: LedgerEntry): Promise<void>;
};

/** Opens the ledger and passes each of its entries to `onEntry`. Without a file, entries are kept in memory only. */
export async function openLedger(file: string | undefined, onEntry: (entry: LedgerEntry) => void): Promise<Ledger> {
  if (file === undefined) {
    return { append: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  const log: AppendLog<LedgerEntry> = await openAppendLog(file, onEntry);
  return log;
}
