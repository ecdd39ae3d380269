// The load of a soak: scenarios begun at a steady rate, never more at once than a bound, for a bounded time.
import { pause } from '#services/platform/base/backoff.ts';
import { type CallerDependencies, runScenario } from './caller.ts';
import type { Random } from './random.ts';
import { drawScenario } from './scenario.ts';

const MAX_AT_ONCE = 64;
const MAX_CATCH_UP_MS = 1_000;

export type LoadOptions = CallerDependencies & {
  readonly random: Random;
  /** Its name in keys and customers. */
  readonly run: string;
  /** Errands begun a second. */
  readonly rate: number;
};

export type Load = {
  /** How many scenarios were begun. */
  begun(): number;
  atOnce(): number;
  /** Aborts when an scenario failed for a reason that is not the platform's; `finish` then throws it. */
  readonly failed: AbortSignal;
  /** Begins no more scenarios; resolves when all that were begun are done. */
  finish(): Promise<void>;
};

/** Begins scenarios until `finish`, or until the signal of the callers. Throws what an scenario throws, from `finish`. */
export function startLoad(options: LoadOptions): Load {
  const stopping = new AbortController();
  const failed = new AbortController();
  const over = AbortSignal.any([stopping.signal, failed.signal, options.signal]);
  const running = new Set<Promise<void>>();
  let begun = 0;

  const begin = (): void => {
    begun += 1;
    const scenario: Promise<void> = runScenario(options, drawScenario(options.random, options.run, begun))
      .catch((error: unknown) => {
        failed.abort(error);
      })
      .finally(() => running.delete(scenario));
    running.add(scenario);
  };

  const issue = async (): Promise<void> => {
    let dueTime = performance.now();
    while (!over.aborted) {
      if (running.size >= MAX_AT_ONCE) await Promise.race(running);
      begin();
      // A late timer is made up for, an outage is not: the rate is a bound.
      dueTime = Math.max(dueTime + 1_000 / options.rate, performance.now() - MAX_CATCH_UP_MS);
      await pause(Math.max(0, dueTime - performance.now()), over);
    }
  };

  const issuing = issue();
  return {
    begun: () => begun,
    atOnce: () => running.size,
    failed: failed.signal,
    finish: async () => {
      stopping.abort();
      await issuing;
      await Promise.all(running);
      failed.signal.throwIfAborted();
    },
  };
}
