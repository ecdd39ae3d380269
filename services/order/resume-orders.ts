// Background part: takes up orders that nobody works on: those a hindrance parked, and those whose replica died.
import { startDeadline } from '../platform/deadline.ts';
import { describeError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { runInSpan, SpanKind } from '../platform/tracing.ts';
import { createWorker, type Worker } from '../platform/worker.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';
import type { ClaimedOrder, OrderStore } from './order-store.ts';

const PERIOD_MS = 500;
const MAX_RUNNING = 16;

export type ResumeOrdersOptions = {
  readonly store: Pick<OrderStore, 'claim'>;
  readonly saga: SagaDependencies;
  readonly budgetMs: number;
  readonly log: Logger;
};

/** Makes the loop that claims due orders and runs the saga on each, a few at a time; a slow one holds up no other. */
export function createOrderResumer({ store, saga, budgetMs, log }: ResumeOrdersOptions): Worker {
  const running = new Set<Promise<void>>();

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
      const free = MAX_RUNNING - running.size;
      if (free === 0) return false;
      const claimed = await store.claim(free);
      for (const order of claimed) {
        const run: Promise<void> = resume(order).finally(() => {
          running.delete(run);
          if (running.size === MAX_RUNNING - 1) worker.wake();
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
