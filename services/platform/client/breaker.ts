// A circuit breaker for one dependency: opens after consecutive failures and lets one probe through after a while.
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  type IBackoff,
} from 'cockatiel';
import { summarizeError } from '../observability/log.ts';

/** How a call ended, as far as the breaker is concerned. */
export type Outcome =
  /** The dependency answered, even if it refused the call: it is healthy. */
  | 'success'
  /** The dependency failed; counted. */
  | 'failure'
  /** The call says nothing about the dependency, for example because its caller gave up; not counted. */
  | 'ignored';

/** Classifies what a call threw. */
export type ClassifyError = (error: unknown) => Outcome;

/** As in cockatiel: `closed` calls, `open` rejects every call, `half_open` is making its probe and rejects all others. */
export type BreakerState = 'closed' | 'half_open' | 'open';

export type BreakerView = {
  readonly dependency: string;
  readonly state: BreakerState;
  /** When the state last changed; undefined when it never did. */
  readonly since: Date | undefined;
  /** The failure that opened it; empty when closed. */
  readonly reason: string;
};

export type Breaker = {
  /**
   * Runs `call` unless the circuit is open. `classify` decides what a failure of the call counts as.
   *
   * @throws {CircuitOpenError} without running `call`; or what `call` throws.
   */
  execute<T>(call: () => Promise<T>, classify: ClassifyError): Promise<T>;
  /** @throws {CircuitOpenError} when a call would be rejected now. */
  throwIfOpen(): void;
  view(): BreakerView;
};

export type BreakerOptions = {
  readonly dependency: string;
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** From opening to the probe, in milliseconds. */
  readonly resetMs: number;
  /** Monotonic milliseconds; by default those of the process. */
  readonly now?: () => number;
  /** Called on every change of state; `openedBy` is the error that opened it, undefined for the other states. */
  readonly onChange: (view: BreakerView, openedBy: unknown) => void;
};

/** The circuit is open, or its probe is in flight: the call was not made. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
}

// The only error that cockatiel's policy counts.
class CountedFailure extends Error {
  override readonly name = 'CountedFailure';
}

/** Creates a closed breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const { resetMs, now = () => performance.now() } = options;
  let openedAtMs = Number.NEGATIVE_INFINITY;
  const isWaiting = (): boolean => now() - openedAtMs < resetMs;
  const policy = circuitBreaker(handleType(CountedFailure), {
    halfOpenAfter: createMonotonicReset(isWaiting),
    breaker: new ConsecutiveBreaker(options.failures),
  });
  let since: Date | undefined;
  let reason = '';
  let lastFailure: unknown;
  const view = (): BreakerView => ({ dependency: options.dependency, state: stateOf(policy), since, reason });
  policy.onStateChange((state) => {
    since = new Date();
    if (state === CircuitState.Open) openedAtMs = now();
    if (state === CircuitState.Closed) reason = '';
    const isOpen = state === CircuitState.Open;
    if (isOpen) reason = describeCause(lastFailure);
    options.onChange(view(), isOpen ? lastFailure : undefined);
  });

  const attempt = async <T>(
    call: () => Promise<T>,
    classify: ClassifyError,
  ): Promise<{ value: T } | { error: unknown }> => {
    const isProbe = policy.state === CircuitState.HalfOpen;
    try {
      return { value: await call() };
    } catch (error) {
      const outcome = classify(error);
      // cockatiel closes the circuit on an error it does not handle: a probe without a result must open it again instead.
      if (outcome === 'failure' || (isProbe && outcome === 'ignored')) {
        lastFailure = error;
        throw new CountedFailure(describeCause(error), { cause: error });
      }
      if (outcome === 'ignored') throw error;
      return { error };
    }
  };

  // cockatiel would queue other calls behind the probe: reject them at once.
  const throwIfProbing = (): void => {
    if (policy.state === CircuitState.HalfOpen)
      throw new CircuitOpenError(`${options.dependency}: a probe is in flight`);
  };

  return {
    view,
    throwIfOpen: () => {
      throwIfProbing();
      if (policy.state === CircuitState.Open && isWaiting()) throw circuitOpen(options.dependency);
    },
    execute: async (call, classify) => {
      throwIfProbing();
      const result = await policy
        .execute(() => attempt(call, classify))
        .catch((error: unknown) => {
          if (error instanceof BrokenCircuitError) throw circuitOpen(options.dependency);
          throw error instanceof CountedFailure ? error.cause : error;
        });
      if ('error' in result) throw result.error;
      return result.value;
    },
  };
}

// cockatiel compares this duration with the time by the wall clock, which may be set back while the circuit is open: the circuit would
// stay open for as long as that. So the duration itself says by a monotonic clock whether the wait is over.
function createMonotonicReset(isWaiting: () => boolean): IBackoff<unknown> {
  const reset = {
    get duration() {
      return isWaiting() ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    },
    next: (): IBackoff<unknown> => reset,
  };
  return reset;
}

function describeCause(error: unknown): string {
  return summarizeError(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

function circuitOpen(dependency: string): CircuitOpenError {
  return new CircuitOpenError(`${dependency}: the circuit is open`);
}

function stateOf(policy: CircuitBreakerPolicy): BreakerState {
  if (policy.state === CircuitState.Closed) return 'closed';
  return policy.state === CircuitState.HalfOpen ? 'half_open' : 'open';
}
