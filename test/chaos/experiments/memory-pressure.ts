// The inventory service runs out of memory under load and dies.
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

const TARGET = 'inventory';
const MEGABYTE = 1_000_000;
const DEATH_MS = 45_000;
const ANSWER_MS = 3_000;
const PAUSE_MS = 200;

export const memoryPressure = defineExperiment({
  name: 'memory-pressure',
  title: 'The inventory service runs out of memory',
  hypothesis:
    'While the service slows down and dies, orders are answered in under 3 s. It is restarted, with its memory ' +
    'free, and every order completes, sold and charged exactly once.',
  fault:
    'The inventory process leaks about 100 MB per second until its heap, limited to 512 MB, is full and the runtime aborts.',
  blastRadius:
    'Orders that need stock at that moment wait. The leak ends with the process; the limit bounds it for the machine.',
  abort: { when: 'The order service no longer answers', limitMs: 90_000, watch: isStillServing('order') },
  measuredBy: 'The resident memory of the process, read from its metrics before and during the leak, and its death.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: ({ subject }) => leak(subject),
  observe: async (context: ExperimentContext) => {
    const { subject, check, eventually } = context;
    const restarts = subject.stack.restarts(TARGET);
    const placed: PlacedOrder[] = [];
    const startMs = performance.now();
    while (subject.stack.restarts(TARGET) === restarts && performance.now() - startMs < DEATH_MS) {
      placed.push(await placeUntilAnswered(context));
      await context.wait(PAUSE_MS);
    }
    await eventually('The service is restarted', DEATH_MS, async () => {
      await subject.stack.waitUntilHealthy(TARGET, DEATH_MS);
      const count = subject.stack.restarts(TARGET) - restarts;
      return { holds: count > 0, seen: `restarted ${count} times` };
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('None is FAILED', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually, check }, placed) => {
    const memory = await readMemory(subject);
    check('Its memory is free again', within('resident', memory / MEGABYTE, 300, 'MB'));
    await eventually('Every order completes', 40_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

async function leak(platform: Platform): Promise<ActiveFault> {
  const { stack } = platform;
  const before = { memory: await readMemory(platform), restarts: stack.restarts(TARGET) };
  let maxMemory = before.memory;
  await stack.kill(TARGET, 'SIGUSR2');
  const reading = setInterval(() => {
    // A process without memory, or a dead one, does not answer.
    readMemory(platform).then(
      (memory) => {
        maxMemory = Math.max(maxMemory, memory);
      },
      () => undefined,
    );
  }, 250);
  return {
    measureEffect: () => {
      const deaths = stack.restarts(TARGET) - before.restarts;
      const grown = Math.round((maxMemory - before.memory) / MEGABYTE);
      return {
        count: deaths > 0 && grown > 50 ? deaths : 0,
        seen: `its memory grew by ${grown} MB; it died ${deaths} times`,
      };
    },
    remove: async () => {
      clearInterval(reading);
      // If the leak has not killed the process yet, kill it, so that its memory is freed.
      if (stack.restarts(TARGET) === before.restarts && stack.pid(TARGET) !== undefined) await stack.kill(TARGET);
      await stack.waitUntilHealthy(TARGET);
    },
  };
}

async function readMemory({ stack }: Platform): Promise<number> {
  const response = await fetch(`${stack.url(TARGET)}/metrics`, { signal: AbortSignal.timeout(1_000) });
  return Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(await response.text())?.[1] ?? Number.NaN);
}
