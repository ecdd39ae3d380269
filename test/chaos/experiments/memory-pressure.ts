// The inventory service runs out of memory in the middle of its work, and dies of it.
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

const VICTIM = 'inventory';
const MEGABYTE = 1_000_000;
const DEATH_MS = 45_000;
const ANSWER_MS = 3_000;
const PAUSE_MS = 200;

export const memoryPressure = defineExperiment({
  name: 'memory-pressure',
  title: 'The inventory service runs out of memory',
  hypothesis:
    'While the service gets slower and slower and dies, orders are answered in under 3 s. It comes back by itself, with its memory ' +
    'free, and every order completes, sold and charged exactly once.',
  fault:
    'The inventory process leaks some 100 MB a second until its heap, limited to 512 MB, is full and the runtime ends it.',
  blastRadius:
    'Orders that need stock at that moment wait. The leak ends with the process; the limit bounds it for the machine.',
  abort: { when: 'The order service no longer answers', limitMs: 90_000, watch: isStillServing('order') },
  measuredBy: 'The resident memory of the process, read from its metrics before and during the leak, and its death.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: ({ subject }) => leak(subject),
  observe: async (context: ExperimentContext) => {
    const { subject, check, eventually } = context;
    const restarts = subject.stack.restarts(VICTIM);
    const placed: PlacedOrder[] = [];
    const startMs = performance.now();
    while (subject.stack.restarts(VICTIM) === restarts && performance.now() - startMs < DEATH_MS) {
      placed.push(await placeUntilAnswered(context));
      await context.wait(PAUSE_MS);
    }
    await eventually('The service is started again', DEATH_MS, async () => {
      await subject.stack.waitUntilHealthy(VICTIM, DEATH_MS);
      const count = subject.stack.restarts(VICTIM) - restarts;
      return { holds: count > 0, seen: `started again ${count} times` };
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order was answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('None fails for good', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually, check }, placed) => {
    const memory = await readMemory(subject);
    check('Its memory is free again', within('resident', memory / MEGABYTE, 300, 'MB'));
    await eventually('Every order completes', 40_000, () => haveStatus(subject, placed));
    await eventually('Each was charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

async function leak(platform: Platform): Promise<ActiveFault> {
  const { stack } = platform;
  const before = { memory: await readMemory(platform), restarts: stack.restarts(VICTIM) };
  let most = before.memory;
  await stack.kill(VICTIM, 'SIGUSR2');
  const reading = setInterval(() => {
    // A process that is full or dead tells nothing.
    readMemory(platform).then(
      (memory) => {
        most = Math.max(most, memory);
      },
      () => undefined,
    );
  }, 250);
  return {
    measureEffect: () => {
      const deaths = stack.restarts(VICTIM) - before.restarts;
      const grown = Math.round((most - before.memory) / MEGABYTE);
      return {
        count: deaths > 0 && grown > 50 ? deaths : 0,
        seen: `its memory was seen to grow by ${grown} MB; it died ${deaths} times`,
      };
    },
    remove: async () => {
      clearInterval(reading);
      // Where the leak has not ended it, this does.
      if (stack.restarts(VICTIM) === before.restarts && stack.pid(VICTIM) !== undefined) await stack.kill(VICTIM);
      await stack.waitUntilHealthy(VICTIM);
    },
  };
}

async function readMemory({ stack }: Platform): Promise<number> {
  const response = await fetch(`${stack.url(VICTIM)}/metrics`, { signal: AbortSignal.timeout(1_000) });
  return Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(await response.text())?.[1] ?? Number.NaN);
}
