// The services that sell hardly get to run: they are stopped and let on again in bursts, as on a machine that does too much else.
import type { ServiceName } from '#local/shared/topology.ts';
import { pause } from '#services/platform/base/backoff.ts';
import type { Random } from '../soak/random.ts';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import {
  areChargedOnce,
  describeAll,
  haveStatus,
  type PlacedOrder,
  placeUntilAnswered,
  within,
} from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const VICTIMS: readonly ServiceName[] = ['order', 'inventory', 'payment'];
const ORDERS = 8;
// The budget of an order, and the longest stop on each of the three on its way.
const ANSWER_MS = 4_500;
const STOPPED_MS = { least: 150, most: 600 };
const RUNNING_MS = { least: 60, most: 200 };

export const cpuStarvation = defineExperiment({
  name: 'cpu-starvation',
  title: 'Order, inventory and payment hardly get to run',
  hypothesis:
    `Orders are answered in under ${ANSWER_MS / 1_000} s, confirmed or waiting, and none is sold or charged twice because ` +
    'somebody took a slow service for a dead one. When there is time again, every order completes.',
  fault:
    'The three processes are stopped for 150 to 600 ms again and again (SIGSTOP, SIGCONT), with 60 to 200 ms to run in between: each ' +
    'has less than a third of its time.',
  blastRadius: 'Every order is slow. Nothing else on the machine is slowed down.',
  abort: { when: 'The notification service no longer answers', limitMs: 60_000, watch: isStillServing('notification') },
  measuredBy: 'In the middle of a stop the service is asked for its health, and must not answer before it is let on.',
  scenariosPerSecond: 2,
  platform: 'shared',
  inject: async ({ subject, random }) => starve(subject, random),
  observe: async (context: ExperimentContext) => {
    const placed: PlacedOrder[] = [];
    while (placed.length < ORDERS) placed.push(await placeUntilAnswered(context));
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    context.check(
      `Each order is answered in under ${ANSWER_MS / 1_000} s`,
      within('the slowest', slowestMs, ANSWER_MS),
    );
    context.check('None fails for good', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when there is time again', 40_000, () => haveStatus(subject, placed));
    await eventually('Each was charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

function starve(platform: Platform, random: Random): ActiveFault {
  const ending = new AbortController();
  const seen = { stops: 0, silent: 0 };
  const working = Promise.allSettled(
    VICTIMS.map((victim) => stopInBursts(platform, victim, random, ending.signal, seen)),
  );
  return {
    measureEffect: () => ({
      count: seen.silent,
      seen: `${seen.stops} stops; in ${seen.silent} of them the service was asked and did not answer before it was let on`,
    }),
    remove: async () => {
      ending.abort();
      const failed = (await working).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
  };
}

async function stopInBursts(
  platform: Platform,
  victim: ServiceName,
  random: Random,
  over: AbortSignal,
  seen: { stops: number; silent: number },
): Promise<void> {
  const { stack } = platform;
  while (!over.aborted) {
    await stack.kill(victim, 'SIGSTOP');
    seen.stops += 1;
    let hasAnswered = false;
    const answer = fetch(`${stack.url(victim)}/metrics`, { signal: AbortSignal.timeout(STOPPED_MS.most * 4) })
      .then((response) => response.body?.cancel())
      // One that does not come says what was to be shown, too.
      .catch(() => undefined)
      .finally(() => {
        hasAnswered = true;
      });
    await pause(random.integer(STOPPED_MS.least, STOPPED_MS.most), over);
    if (!hasAnswered && !over.aborted) seen.silent += 1;
    await stack.kill(victim, 'SIGCONT');
    await answer;
    await pause(random.integer(RUNNING_MS.least, RUNNING_MS.most), over);
  }
}
