// Background part: runs every journey once an interval, whatever the number of replicas, and ends the runs of monitors that died.

import { createWorker, type Worker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import { JOURNEYS } from './journey.ts';
import type { JourneyMetrics } from './journey-metrics.ts';
import type { JourneyRunner } from './journey-runner.ts';
import type { RunStore } from './run-store.ts';

const MAX_PERIOD_MS = 1_000;
// The first runs come soon after a first start, but not in its middle.
const FIRST_SHARE = 0.1;
// What a run may take beyond its limit, to store its end.
const MARGIN_MS = 10_000;

export type ScheduledJourneysOptions = {
  readonly store: Pick<RunStore, 'claimDue' | 'interrupt'>;
  readonly runner: Pick<JourneyRunner, 'run'>;
  readonly metrics: JourneyMetrics;
  readonly intervalMs: number;
  readonly limitMs: number;
  readonly log: Logger;
};

/** Makes the loop. The journeys of one round run one after the other, so that each is measured by itself. */
export function createScheduledJourneys(options: ScheduledJourneysOptions): Worker {
  const { store, runner, metrics, intervalMs, limitMs, log } = options;
  return createWorker({
    name: 'scheduled journeys',
    periodMs: Math.min(MAX_PERIOD_MS, intervalMs),
    log,
    work: async (signal) => {
      const interrupted = await store.interrupt(limitMs + MARGIN_MS, 'INTERRUPTED: the monitor stopped during the run');
      for (const { journey, durationMs } of interrupted) metrics.ended(journey, durationMs, 'INTERRUPTED');
      const due = await store.claimDue(JOURNEYS, intervalMs, intervalMs * FIRST_SHARE);
      for (const journey of JOURNEYS.filter((name) => due.includes(name))) {
        if (signal.aborted) return false;
        await runner.run(journey);
      }
      return false;
    },
  });
}
