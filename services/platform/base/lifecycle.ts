// Starts the parts of a service in order and stops them in reverse, whatever fails on the way.

import type { Logger } from 'pino';
import { describeError } from './errors.ts';

/** Something with a beginning and an end. */
export type Part = {
  readonly name: string;
  start?(): Promise<void>;
  stop(): Promise<void>;
};

export type Lifecycle = {
  /** Starts all parts; when one fails, stops those that were started and throws its error. */
  start(): Promise<void>;
  /** Stops all parts, each even when another fails to. Throws AggregateError when some did. */
  stop(): Promise<void>;
};

/** Makes one part of several: they start in their order and stop all at once, so that their waits do not add up. */
export function groupParts(name: string, parts: readonly Part[]): Part {
  return {
    name,
    start: async () => {
      for (const part of parts) await part.start?.();
    },
    stop: async () => {
      const results = await Promise.allSettled(parts.map((part) => part.stop()));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(describeError).join('; '));
    },
  };
}

/** Makes a lifecycle of parts in their order of starting. */
export function createLifecycle(parts: readonly Part[], log: Logger): Lifecycle {
  const started: Part[] = [];
  let stopping: Promise<void> | undefined;

  const stopAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let part = started.pop(); part !== undefined; part = started.pop()) {
      try {
        await part.stop();
        log.debug({ part: part.name }, 'stopped');
      } catch (error) {
        log.error({ err: error, part: part.name }, 'could not be stopped');
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts could not be stopped');
  };

  return {
    start: async () => {
      for (const part of parts) {
        if (stopping !== undefined) return;
        started.push(part);
        try {
          await part.start?.();
        } catch (error) {
          stopping ??= stopAll();
          await Promise.allSettled([stopping]); // What could not be stopped is logged; the error that began it is thrown.
          throw error;
        }
      }
    },
    stop: () => {
      stopping ??= stopAll();
      return stopping;
    },
  };
}
