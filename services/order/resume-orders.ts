// Background part: takes up orders that nobody works on: those a hindrance parked, and those whose replica died.
import { startDeadline } from '../platform/deadline.ts';
import { describeError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { createWorker, type Worker } from '../platform/worker.ts';
import { runSaga, type SagaDependencies } from './order-saga.ts';
import type { OrderStore } from './order-store.ts';

const PERIOD_MS = 500;
const BATCH_SIZE = 16;

export type ResumeOrdersOptions = {
  readonly store: Pick<OrderStore, 'claim'>;
  readonly saga: SagaDependencies;
  readonly budgetMs: number;
  readonly log: Logger;
};

/** Makes the loop that claims due orders and runs the saga on each. */
export function createOrderResumer({ store, saga, budgetMs, log }: ResumeOrdersOptions): Worker {
  return createWorker({
    name: 'order resumer',
    periodMs: PERIOD_MS,
    log,
    work: async () => {
      const claimed = await store.claim(BATCH_SIZE);
      const runs = claimed.map(({ order, attempts }) => runSaga(saga, order, startDeadline(budgetMs), attempts));
      for (const run of await Promise.allSettled(runs)) {
        // Its lease runs out by itself, then it is claimed again.
        if (run.status === 'rejected')
          log.warn({ reason: describeError(run.reason) }, 'an order could not be worked on');
      }
      return claimed.length === BATCH_SIZE;
    },
  });
}
