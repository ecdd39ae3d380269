// Starts the components of a service in order and stops them in reverse order, even when some of them fail.

import type { Logger } from 'pino';
import { describeError } from './errors.ts';

/** A thing that is started and stopped with the service. */
export type Component = {
  readonly name: string;
  start?(): Promise<void>;
  stop(): Promise<void>;
};

export type Lifecycle = {
  /**
   * Starts all components. When one fails, stops those that were started.
   *
   * @throws the error of the component that failed to start.
   */
  start(): Promise<void>;
  /**
   * Stops all components, also when some of them fail to stop.
   *
   * @throws {AggregateError} when some failed to stop.
   */
  stop(): Promise<void>;
};

/** Combines components into one: they start in order and stop all at once, so that their waits do not add up. */
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

/** Creates a lifecycle; `components` are in start order. */
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
          await Promise.allSettled([stopping]); // Failures to stop are logged; the error of the start is thrown.
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
