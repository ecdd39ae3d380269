// CPU starvation of order, inventory and payment: SIGSTOP and SIGCONT in turns, as on an overcommitted machine.
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

const TARGETS: readonly ServiceName[] = ['order', 'inventory', 'payment'];
const ORDERS = 8;
// The budget of an order, plus the longest stop of each of the three services.
const ANSWER_MS = 4_500;
const STOPPED_MS = { min: 150, max: 600 };
const RUNNING_MS = { min: 60, max: 200 };

export const cpuStarvation = defineExperiment({
  name: 'cpu-starvation',
  title: 'Order, inventory and payment get too little CPU time',
  hypothesis:
    `Orders are answered in under ${ANSWER_MS / 1_000} s, CONFIRMED or PENDING, and none is sold or charged twice because ` +
    'a slow service was mistaken for a dead one. When the CPU time is back, every order completes.',
  fault:
    'The three processes are stopped repeatedly for 150 to 600 ms (SIGSTOP, SIGCONT) and run for 60 to 200 ms in between: each ' +
    'gets less than a third of the CPU time.',
  blastRadius: 'Every order is slow. Other processes of the machine are not affected.',
  abort: { when: 'The notification service no longer answers', limitMs: 60_000, watch: isStillServing('notification') },
  measuredBy: 'During a stop the service is called, and must not answer before it is continued.',
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
    context.check('None is FAILED', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the CPU time is back', 40_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

function starve(platform: Platform, random: Random): ActiveFault {
  const ending = new AbortController();
  const seen = { stops: 0, silent: 0 };
  const starving = Promise.allSettled(
    TARGETS.map((target) => stopInBursts(platform, target, random, ending.signal, seen)),
  );
  return {
    measureEffect: () => ({
      count: seen.silent,
      seen: `${seen.stops} stops; in ${seen.silent} of them the service did not answer before it was continued`,
    }),
    remove: async () => {
      ending.abort();
      const failed = (await starving).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
  };
}

async function stopInBursts(
  platform: Platform,
  target: ServiceName,
  random: Random,
  over: AbortSignal,
  seen: { stops: number; silent: number },
): Promise<void> {
  const { stack } = platform;
  while (!over.aborted) {
    await stack.kill(target, 'SIGSTOP');
    seen.stops += 1;
    let hasAnswered = false;
    const answer = fetch(`${stack.url(target)}/metrics`, { signal: AbortSignal.timeout(STOPPED_MS.max * 4) })
      .then((response) => response.body?.cancel())
      // A call without an answer also proves the stop.
      .catch(() => undefined)
      .finally(() => {
        hasAnswered = true;
      });
    await pause(random.integer(STOPPED_MS.min, STOPPED_MS.max), over);
    if (!hasAnswered && !over.aborted) seen.silent += 1;
    await stack.kill(target, 'SIGCONT');
    await answer;
    await pause(random.integer(RUNNING_MS.min, RUNNING_MS.max), over);
  }
}
