// Background worker: resumes blocked orders, also early at the events of dependencies, and orders whose replica died. It runs a few at a time, and only one while a
// dependency is down, so that a dependency that recovers is not flooded by the backlog.
import { startDeadline } from '../platform/base/deadline.ts';
import { describeError } from '../platform/base/errors.ts';
import { createWorker, type Worker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import { runInSpan, SpanKind } from '../platform/observability/tracing.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';
import { type ClaimedOrder, type OrderStore, resumeNow } from './order-store.ts';

const PERIOD_MS = 500;
// A third of a dependency's bulkhead: the rest is for calls that a client waits for.
const MAX_RUNNING = 8;

export type ResumeOrdersOptions = {
  readonly store: Pick<OrderStore, 'claim'>;
  readonly saga: SagaDependencies;
  readonly budgetMs: number;
  /** Whether the breaker of every dependency is closed. */
  readonly areDependenciesHealthy: () => boolean;
  readonly log: Logger;
};

/** Creates the worker that claims due orders and runs the saga on each. A slow order delays no other. */
export function createOrderResumer({
  store,
  saga,
  budgetMs,
  areDependenciesHealthy,
  log,
}: ResumeOrdersOptions): Worker {
  const running = new Set<Promise<void>>();
  let hasMore = false;

  const resume = async ({ order, attempts, traceparent }: ClaimedOrder): Promise<void> => {
    const span = { name: 'resume order', kind: SpanKind.INTERNAL, headers: { traceparent } };
    try {
      await runInSpan(span, () => runSaga(saga, order, startDeadline(budgetMs), attempts));
    } catch (error) {
      // The order is claimed again when its lease expires.
      log.warn({ reason: describeError(error), order_id: order.orderId }, 'an order could not be resumed');
    }
  };

  const worker = createWorker({
    name: 'order resumer',
    periodMs: PERIOD_MS,
    log,
    work: async () => {
      // While a dependency is down, one order at a time probes whether it is up again.
      const free = (areDependenciesHealthy() ? MAX_RUNNING : 1) - running.size;
      hasMore = free <= 0;
      if (hasMore) return false;
      const claimed = await store.claim(free);
      hasMore = claimed.length >= free;
      for (const order of claimed) {
        const run: Promise<void> = resume(order).finally(() => {
          running.delete(run);
          if (hasMore) worker.wake();
        });
        running.add(run);
      }
      return false;
    },
  });

  return {
    ...worker,
    stop: async () => {
      await worker.stop();
      await Promise.all(running);
    },
  };
}

/**
 * Events StockReserved, InsufficientStock, PaymentCompleted and PaymentFailed: makes blocked orders due, and calls `wakeResumer` when
 * there are any. The events decide nothing; the saga calls the dependency again. Repeating it does no harm.
 */
export async function wakeOrders(
  wakeResumer: () => void,
  orderIds: readonly string[],
  transaction: Transaction,
): Promise<void> {
  if (await resumeNow(transaction, orderIds)) transaction.afterCommit(wakeResumer);
}
