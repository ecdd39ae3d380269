// events StockReserved, InsufficientStock, PaymentCompleted and PaymentFailed: resume blocked orders at once. The events decide
// nothing; the saga calls the dependency again.
import type { Transaction } from '../platform/storage/database.ts';
import { resumeNow } from './order-store.ts';

/** Makes blocked orders due, and calls `wakeResumer` when there are any. Repeating it does no harm. */
export async function wakeOrders(
  wakeResumer: () => void,
  orderIds: readonly string[],
  transaction: Transaction,
): Promise<void> {
  if (await resumeNow(transaction, orderIds)) transaction.afterCommit(wakeResumer);
}
