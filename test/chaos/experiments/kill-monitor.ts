// SIGKILL of the monitor service under load, in the middle of its journeys.
import { Journey } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { readDatabase } from '../../support/invariants/sources.ts';
import { killService } from './kill-service.ts';
import type { ExperimentContext } from './runner/experiment.ts';
import { drawKey, failureOf } from './runner/orders.ts';

const JOURNEY_MS = 3_000;
const AT_ONCE = 4;
const PAUSE_MS = 50;
// A run is given up when it has taken longer than a journey may.
const ENDED_MS = 40_000;

export const killMonitor = killService('monitor', {
  hypothesis:
    'Customers do not notice. Every run that was begun is told with an end, be it that the monitor stopped in the middle; test orders ' +
    'that were left leave no trace in money, mails or sums.',
  blastRadius: 'The synthetic orders themselves.',
  bystander: 'order',
  // Enough at once that some are in the middle of it when the kill comes.
  meanwhile: async (context, over) => {
    await Promise.all(Array.from({ length: AT_ONCE }, () => runJourneys(context, over)));
  },
  afterwards: async ({ subject: { stack }, eventually }: ExperimentContext) => {
    await eventually('Every run that was begun has an end', ENDED_MS, async () => {
      const runs = await readDatabase('monitor', stack.databaseUrl('monitor'), (query) =>
        query<{ result: string | null; failure_reason: string | null }>('select result, failure_reason from run'),
      );
      const open = runs.filter(({ result }) => result === null).length;
      const interrupted = runs.filter(({ failure_reason }) => failure_reason?.startsWith('INTERRUPTED')).length;
      return {
        holds: open === 0 && runs.length > 0,
        seen: `${runs.length} runs, ${interrupted} of them interrupted, ${open} without an end`,
      };
    });
  },
});

async function runJourneys({ subject, random }: ExperimentContext, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const request = { idempotencyKey: drawKey(random), journey: Journey.ORDER };
    // That it breaks off is what the kill is for.
    await failureOf(subject.monitor.runJourney(request, { timeoutMs: JOURNEY_MS }));
    await pause(PAUSE_MS, over);
  }
}
