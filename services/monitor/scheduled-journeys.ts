// The scheduler of journeys: runs each once per interval, whatever the number of replicas, and ends the runs of crashed processes.

import { createWorker, type Worker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import { JOURNEYS } from './journey.ts';
import type { JourneyMetrics } from './journey-metrics.ts';
import type { JourneyRunner } from './journey-runner.ts';
import type { RunStore } from './run-store.ts';

const MAX_PERIOD_MS = 1_000;
// The first runs follow soon after the first start, but not during it.
const FIRST_SHARE = 0.1;
// The time a run may need after its limit to store its end.
const MARGIN_MS = 10_000;

export type ScheduledJourneysOptions = {
  readonly store: Pick<RunStore, 'claimDue' | 'interrupt'>;
  readonly runner: Pick<JourneyRunner, 'run'>;
  readonly metrics: JourneyMetrics;
  readonly intervalMs: number;
  readonly limitMs: number;
  readonly log: Logger;
};

/** Creates the worker. Due journeys run one after the other, so that they do not slow each other down. */
export function createScheduledJourneys(options: ScheduledJourneysOptions): Worker {
  const { store, runner, metrics, intervalMs, limitMs, log } = options;
  return createWorker({
    name: 'scheduled journeys',
    periodMs: Math.min(MAX_PERIOD_MS, intervalMs),
    log,
    work: async (signal) => {
      const interrupted = await store.interrupt(limitMs + MARGIN_MS, 'INTERRUPTED: the monitor stopped during the run');
      for (const { journey, durationMs } of interrupted) metrics.recordEnd(journey, durationMs, 'INTERRUPTED');
      const due = await store.claimDue(JOURNEYS, intervalMs, intervalMs * FIRST_SHARE);
      for (const journey of JOURNEYS.filter((name) => due.includes(name))) {
        if (signal.aborted) return false;
        await runner.run(journey);
      }
      return false;
    },
  });
}
