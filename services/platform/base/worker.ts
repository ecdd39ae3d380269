// A background loop that sleeps until it is woken or a period passes, survives its own failures and stops when asked.

import type { Logger } from 'pino';
import { backoffMs, pause } from './backoff.ts';

const MAX_BACKOFF_MS = 5_000;

export type Worker = {
  readonly name: string;
  start(): Promise<void>;
  /** Runs the work soon, even if it is running now. */
  wake(): void;
  /** Lets running work finish and ends the loop. */
  stop(): Promise<void>;
};

export type WorkerOptions = {
  readonly name: string;
  /** The longest sleep between two runs, in milliseconds. */
  readonly periodMs: number;
  /** One run. Returns whether more work is waiting, which runs it again at once. Failures are logged and tried again later. */
  readonly work: (signal: AbortSignal) => Promise<boolean>;
  readonly log: Logger;
};

/** Makes a loop around `work`; nothing runs before `start`. */
export function createWorker(options: WorkerOptions): Worker {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  let awake = false;
  let rouse: (() => void) | undefined;

  const sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        rouse = undefined;
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      rouse = done;
      if (stopping.signal.aborted) done();
    });

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      awake = false;
      try {
        const more = await options.work(stopping.signal);
        failures = 0;
        if (!more && !awake) await sleep(options.periodMs);
      } catch (error) {
        failures += 1;
        // One line when it begins and one a minute or so after: an outage must not flood the log.
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
      awake = true;
      rouse?.();
    },
    stop: async () => {
      stopping.abort();
      rouse?.();
      await loop;
    },
  };
}
