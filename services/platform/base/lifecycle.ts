// Starts the components of a service in order and stops them in reverse, whatever fails on the way.

import type { Logger } from 'pino';
import { describeError } from './errors.ts';

/** Something with a beginning and an end. */
export type Component = {
  readonly name: string;
  start?(): Promise<void>;
  stop(): Promise<void>;
};

export type Lifecycle = {
  /** Starts all components; when one fails, stops those that were started and throws its error. */
  start(): Promise<void>;
  /** Stops all components, each even when another fails to. Throws AggregateError when some did. */
  stop(): Promise<void>;
};

/** Makes one component of several: they start in their order and stop all at once, so that their waits do not add up. */
export function groupComponents(name: string, components: readonly Component[]): Component {
  return {
    name,
    start: async () => {
      for (const component of components) await component.start?.();
    },
    stop: async () => {
      const results = await Promise.allSettled(components.map((component) => component.stop()));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(describeError).join('; '));
    },
  };
}

/** Makes a lifecycle of components in their order of starting. */
export function createLifecycle(components: readonly Component[], log: Logger): Lifecycle {
  const started: Component[] = [];
  let stopping: Promise<void> | undefined;

  const stopAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let component = started.pop(); component !== undefined; component = started.pop()) {
      try {
        await component.stop();
        log.debug({ component: component.name }, 'stopped');
      } catch (error) {
        log.error({ err: error, component: component.name }, 'could not be stopped');
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some components could not be stopped');
  };

  return {
    start: async () => {
      for (const component of components) {
        if (stopping !== undefined) return;
        started.push(component);
        try {
          await component.start?.();
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
