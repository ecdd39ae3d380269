// The load generator of a soak: starts scenarios at a fixed rate, up to a limit of concurrent ones.
import { pause } from '#services/platform/base/backoff.ts';
import { type CallerDependencies, runScenario } from './caller.ts';
import type { Random } from './random.ts';
import { drawScenario } from './scenario.ts';

const MAX_CONCURRENT = 64;
const MAX_CATCH_UP_MS = 1_000;

export type LoadOptions = CallerDependencies & {
  readonly random: Random;
  /** The prefix of keys and customers. */
  readonly run: string;
  /** Scenarios started per second. */
  readonly rate: number;
};

export type Load = {
  /** The number of scenarios started. */
  started(): number;
  running(): number;
  /** Aborts when a scenario failed for a reason outside the platform; `finish` then throws it. */
  readonly failed: AbortSignal;
  /** Starts no more scenarios; resolves when all running ones have ended. */
  finish(): Promise<void>;
};

/** Starts scenarios until `finish` or an abort. */
export function startLoad(options: LoadOptions): Load {
  const stopping = new AbortController();
  const failed = new AbortController();
  const over = AbortSignal.any([stopping.signal, failed.signal, options.signal]);
  const running = new Set<Promise<void>>();
  let started = 0;

  const start = (): void => {
    started += 1;
    const scenario: Promise<void> = runScenario(options, drawScenario(options.random, options.run, started))
      .catch((error: unknown) => {
        failed.abort(error);
      })
      .finally(() => running.delete(scenario));
    running.add(scenario);
  };

  const issue = async (): Promise<void> => {
    let dueTime = performance.now();
    while (!over.aborted) {
      if (running.size >= MAX_CONCURRENT) await Promise.race(running);
      start();
      // Catch up after a late timer, but not after an outage: the rate is a maximum.
      dueTime = Math.max(dueTime + 1_000 / options.rate, performance.now() - MAX_CATCH_UP_MS);
      await pause(Math.max(0, dueTime - performance.now()), over);
    }
  };

  const issuing = issue();
  return {
    started: () => started,
    running: () => running.size,
    failed: failed.signal,
    finish: async () => {
      stopping.abort();
      await issuing;
      await Promise.all(running);
      failed.signal.throwIfAborted();
    },
  };
}
