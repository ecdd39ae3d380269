// SIGKILL of the monitor service under load, during its journeys.
import { Journey } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { readDatabase } from '../../support/invariants/sources.ts';
import { killService } from './kill-service.ts';
import type { ExperimentContext } from './runner/experiment.ts';
import { drawKey, failureOf } from './runner/orders.ts';

const JOURNEY_MS = 3_000;
const CONCURRENCY = 4;
const PAUSE_MS = 50;
// An interrupted run is recorded as failed after the longest duration of a journey.
const ENDED_MS = 40_000;

export const killMonitor = killService('monitor', {
  hypothesis:
    'Customers see no effect. Every started run ends with a result, also one that the kill interrupted; unfinished synthetic orders ' +
    'leave no trace in money, mails or sums.',
  blastRadius: 'The synthetic orders themselves.',
  bystander: 'order',
  // Several at once, so that some are in flight when the kill happens.
  during: async (context, over) => {
    await Promise.all(Array.from({ length: CONCURRENCY }, () => runJourneys(context, over)));
  },
  recover: async ({ subject: { stack }, eventually }: ExperimentContext) => {
    await eventually('Every started run has a result', ENDED_MS, async () => {
      const runs = await readDatabase('monitor', stack.databaseUrl('monitor'), (query) =>
        query<{ result: string | null; failure_reason: string | null }>('select result, failure_reason from run'),
      );
      const open = runs.filter(({ result }) => result === null).length;
      const interrupted = runs.filter(({ failure_reason }) => failure_reason?.startsWith('INTERRUPTED')).length;
      return {
        holds: open === 0 && runs.length > 0,
        seen: `${runs.length} runs, ${interrupted} of them interrupted, ${open} without a result`,
      };
    });
  },
});

async function runJourneys({ subject, random }: ExperimentContext, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const request = { idempotencyKey: drawKey(random), journey: Journey.ORDER };
    // The kill interrupts some of these calls.
    await failureOf(subject.monitor.runJourney(request, { timeoutMs: JOURNEY_MS }));
    await pause(PAUSE_MS, over);
  }
}
