// Handler of neighbours' events about an order (stock reserved or short, payment settled): lets a waiting saga go on at once.
// The event decides nothing; the saga asks the neighbour again.
import type { Transaction } from '../platform/storage/database.ts';
import { resumeNow } from './order-store.ts';

/** Makes a waiting order due; `wakeResumer` is called once that is committed. */
export async function wakeOrder(
  wakeResumer: () => void,
  event: { orderId: string },
  transaction: Transaction,
): Promise<void> {
  await resumeNow(transaction, event.orderId);
  transaction.afterCommit(wakeResumer);
}
