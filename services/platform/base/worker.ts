// A background loop: sleeps until it is woken or a period passes, survives failures of its work, and stops when asked.

import type { Logger } from 'pino';
import { backoffMs, pause } from './backoff.ts';

const MAX_BACKOFF_MS = 5_000;

export type Worker = {
  readonly name: string;
  start(): Promise<void>;
  /** Runs the work without waiting for the period; when it is running now, runs it again after that. */
  wake(): void;
  /** Waits for running work and ends the loop. */
  stop(): Promise<void>;
};

export type WorkerOptions = {
  readonly name: string;
  /** The longest sleep between two runs, in milliseconds. */
  readonly periodMs: number;
  /**
   * The shortest time from the end of a run to the next one that `wake` asks for, in milliseconds: work that comes often is then done
   * in fewer runs, and work that comes after a pause is done at once. Default 0.
   */
  readonly minPauseMs?: number;
  /** One run. Returns whether more work is waiting; then it runs again at once. Failures are logged and retried with backoff. */
  readonly work: (signal: AbortSignal) => Promise<boolean>;
  readonly log: Logger;
};

/** Creates a loop around `work`; nothing runs before `start`. */
export function createWorker(options: WorkerOptions): Worker {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  const { minPauseMs = 0 } = options;
  let isWoken = false;
  let endSleep: (() => void) | undefined;
  let endSleepSoon: (() => void) | undefined;

  const sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const startMs = performance.now();
      const done = (): void => {
        clearTimeout(timer);
        endSleep = undefined;
        endSleepSoon = undefined;
        resolve();
      };
      let timer = setTimeout(done, delayMs);
      endSleep = done;
      endSleepSoon = () => {
        const restMs = minPauseMs - (performance.now() - startMs);
        if (restMs <= 0) return done();
        clearTimeout(timer);
        timer = setTimeout(done, restMs);
      };
      if (stopping.signal.aborted) done();
    });

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      isWoken = false;
      try {
        const more = await options.work(stopping.signal);
        failures = 0;
        if (!more && (!isWoken || minPauseMs > 0)) await sleep(isWoken ? minPauseMs : options.periodMs);
      } catch (error) {
        failures += 1;
        // The first failure is logged, then every 12th, about one a minute: an outage must not flood the log.
        if (failures === 1 || failures % 12 === 0)
          options.log.warn({ err: error, failures }, `${options.name} failed, trying again`);
        await pause(backoffMs(failures, 100, MAX_BACKOFF_MS), stopping.signal);
      }
    }
  };

  return {
    name: options.name,
    start: async () => {
      loop ??= run();
    },
    wake: () => {
      isWoken = true;
      endSleepSoon?.();
    },
    stop: async () => {
      stopping.abort();
      endSleep?.();
      await loop;
    },
  };
}
