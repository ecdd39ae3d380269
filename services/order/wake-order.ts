// event StockReserved, InsufficientStock, PaymentCompleted, PaymentFailed: resumes a blocked order at once. The event decides
// nothing; the saga calls the dependency again.
import type { Transaction } from '../platform/storage/database.ts';
import { resumeNow } from './order-store.ts';

/** Makes a blocked order due, and calls `wakeResumer` after the commit. */
export async function wakeOrder(
  wakeResumer: () => void,
  event: { orderId: string },
  transaction: Transaction,
): Promise<void> {
  await resumeNow(transaction, event.orderId);
  transaction.afterCommit(wakeResumer);
}
