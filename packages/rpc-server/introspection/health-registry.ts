// The health statuses of one process: services set them, the health service of every protocol reads and watches them.

import { HealthCheckResponse_ServingStatus as ServingStatus } from '../gen/health/v1/health_pb.ts';

export { ServingStatus };

/**
 * The status of each service by name; the name `''` is the whole server. A service that is registered but was never set
 * follows the overall status.
 */
export class HealthRegistry {
  readonly #statuses = new Map<string, ServingStatus>();
  readonly #registered = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #isShutDown = false;

  /** @param overall the status of `''` to begin with. */
  constructor(overall: ServingStatus = ServingStatus.SERVING) {
    this.#statuses.set('', overall);
  }

  /** Sets a service's status, or the overall one for `''`. After `shutDown` nothing changes any more. */
  set(serviceName: string, status: ServingStatus): void {
    if (this.#isShutDown) return;
    this.#statuses.set(serviceName, status);
    this.#notify();
  }

  /** Makes a service known, following the overall status until it is set. */
  register(serviceName: string): void {
    this.#registered.add(serviceName);
    this.#notify();
  }

  /** Returns a service's status, or `undefined` for a service that was neither registered nor set. */
  get(serviceName: string): ServingStatus | undefined {
    const isKnown = this.#statuses.has(serviceName) || this.#registered.has(serviceName);
    if (!isKnown) return undefined;
    if (this.#isShutDown) return ServingStatus.NOT_SERVING;
    return this.#statuses.get(serviceName) ?? this.#statuses.get('');
  }

  /** Returns the status of every known service by name, the overall one under `''`. */
  list(): Record<string, ServingStatus> {
    const names = new Set([...this.#statuses.keys(), ...this.#registered]);
    return Object.fromEntries([...names].map((name) => [name, this.get(name) ?? ServingStatus.UNKNOWN]));
  }

  /** Sets every known service to NOT_SERVING for good, so that callers choose another server before the port closes. */
  shutDown(): void {
    if (this.#isShutDown) return;
    this.#isShutDown = true;
    this.#notify();
  }

  /**
   * Yields a service's status at once and then whenever it differs from the last one yielded. A slow reader sees the
   * newest status, not every one in between, so nothing piles up. `undefined` means the service is unknown (yet).
   * Ends when `signal` is aborted.
   */
  async *watch(serviceName: string, signal: AbortSignal): AsyncGenerator<ServingStatus | undefined> {
    let wake = Promise.withResolvers<void>();
    const listener = () => wake.resolve();
    this.#listeners.add(listener);
    signal.addEventListener('abort', listener);
    try {
      let isFirst = true;
      let last: ServingStatus | undefined;
      while (!signal.aborted) {
        const current = this.get(serviceName);
        if (isFirst || current !== last) yield current;
        isFirst = false;
        last = current;
        // A change made while the reader held the generator has already resolved this promise: it is not lost.
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', listener);
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
