// Background part: takes up orders that nobody works on: those a hindrance parked, and those whose replica died. A neighbour that
// comes back meets a few of them at a time, and one alone first.
import { startDeadline } from '../platform/base/deadline.ts';
import { describeError } from '../platform/base/errors.ts';
import { createWorker, type Worker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import { runInSpan, SpanKind } from '../platform/observability/tracing.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';
import type { ClaimedOrder, OrderStore } from './order-store.ts';

const PERIOD_MS = 500;
// A third of the places before a neighbour: the rest is for those somebody waits for.
const MAX_RUNNING = 8;

export type ResumeOrdersOptions = {
  readonly store: Pick<OrderStore, 'claim'>;
  readonly saga: SagaDependencies;
  readonly budgetMs: number;
  /** Whether the breaker of every neighbour is closed. */
  readonly areNeighboursWell: () => boolean;
  readonly log: Logger;
};

/** Makes the loop that claims due orders and runs the saga on each, a few at a time; a slow one holds up no other. */
export function createOrderResumer({ store, saga, budgetMs, areNeighboursWell, log }: ResumeOrdersOptions): Worker {
  const running = new Set<Promise<void>>();
  let moreWait = false;

  const resume = async ({ order, attempts, traceparent }: ClaimedOrder): Promise<void> => {
    const span = { name: 'resume order', kind: SpanKind.INTERNAL, headers: { traceparent } };
    try {
      await runInSpan(span, () => runSaga(saga, order, startDeadline(budgetMs), attempts));
    } catch (error) {
      // Its lease runs out by itself, then it is claimed again.
      log.warn({ reason: describeError(error), order_id: order.orderId }, 'an order could not be worked on');
    }
  };

  const worker = createWorker({
    name: 'order resumer',
    periodMs: PERIOD_MS,
    log,
    work: async () => {
      // While a neighbour is away, one order after the other finds out whether it is back.
      const free = (areNeighboursWell() ? MAX_RUNNING : 1) - running.size;
      moreWait = free <= 0;
      if (moreWait) return false;
      const claimed = await store.claim(free);
      moreWait = claimed.length >= free;
      for (const order of claimed) {
        const run: Promise<void> = resume(order).finally(() => {
          running.delete(run);
          if (moreWait) worker.wake();
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
