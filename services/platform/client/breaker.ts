// A circuit breaker for one dependency: opens after consecutive failures, lets one probe through after a while.
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
} from 'cockatiel';
import { describeError } from '../base/errors.ts';

/** How a call ended, as far as the breaker is concerned. */
export type Verdict =
  /** The dependency answered, be it a refusal: it is well. */
  | 'healthy'
  /** The dependency failed: counts. */
  | 'failure'
  /** Nothing was learnt: the caller gave up, or the call was not worth counting. */
  | 'unknown';

/** Tells what a breaker learns from a failed call. */
export type Judge = (error: unknown) => Verdict;

export type BreakerState = 'closed' | 'half_open' | 'open';

export type BreakerView = {
  readonly dependency: string;
  readonly state: BreakerState;
  /** Undefined while it never changed. */
  readonly since: Date | undefined;
  /** The failure that opened it; empty when closed. */
  readonly reason: string;
};

export type Breaker = {
  /** Runs `call` unless open. Throws CircuitOpenError without calling, or what `call` throws. `judge` says what is learnt. */
  run<T>(call: () => Promise<T>, judge: Judge): Promise<T>;
  /** Throws CircuitOpenError when a call would be refused now. */
  requireReady(): void;
  view(): BreakerView;
};

export type BreakerOptions = {
  readonly dependency: string;
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** From opening to the probe, in milliseconds. */
  readonly resetMs: number;
  /** Told of every change; `openedBy` is the error that opened it, undefined for the other states. */
  readonly onChange: (view: BreakerView, openedBy: unknown) => void;
};

/** The breaker is open, or its probe is under way: the call was not made. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
}

// The policy underneath counts these and nothing else.
class CountedFailure extends Error {
  override readonly name = 'CountedFailure';
}

/** Makes a closed breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const policy = circuitBreaker(handleType(CountedFailure), {
    halfOpenAfter: options.resetMs,
    breaker: new ConsecutiveBreaker(options.failures),
  });
  let since: Date | undefined;
  let reason = '';
  let lastFailure: unknown;
  const view = (): BreakerView => ({ dependency: options.dependency, state: stateOf(policy), since, reason });
  policy.onStateChange((state) => {
    since = new Date();
    if (state === CircuitState.Closed) reason = '';
    const isOpen = state === CircuitState.Open;
    if (isOpen) reason = describeCause(lastFailure);
    options.onChange(view(), isOpen ? lastFailure : undefined);
  });

  const call = async <T>(work: () => Promise<T>, judge: Judge): Promise<{ value: T } | { error: unknown }> => {
    const probing = policy.state === CircuitState.HalfOpen;
    try {
      return { value: await work() };
    } catch (error) {
      const verdict = judge(error);
      // A probe that taught nothing must not close the breaker, as an uncounted error would.
      if (verdict === 'failure' || (probing && verdict === 'unknown')) {
        lastFailure = error;
        throw new CountedFailure(describeCause(error), { cause: error });
      }
      if (verdict === 'unknown') throw error;
      return { error };
    }
  };

  // Others would queue behind the probe: here they are refused at once.
  const refuseBesideProbe = (): void => {
    if (policy.state === CircuitState.HalfOpen)
      throw new CircuitOpenError(`${options.dependency}: a probe is under way`);
  };

  return {
    view,
    requireReady: () => {
      refuseBesideProbe();
      const isWaiting = since !== undefined && Date.now() - since.getTime() < options.resetMs;
      if (policy.state === CircuitState.Open && isWaiting) throw circuitOpen(options.dependency);
    },
    run: async (work, judge) => {
      refuseBesideProbe();
      const result = await policy
        .execute(() => call(work, judge))
        .catch((error: unknown) => {
          if (error instanceof BrokenCircuitError) throw circuitOpen(options.dependency);
          throw error instanceof CountedFailure ? error.cause : error;
        });
      if ('error' in result) throw result.error;
      return result.value;
    },
  };
}

function describeCause(error: unknown): string {
  return describeError(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

function circuitOpen(dependency: string): CircuitOpenError {
  return new CircuitOpenError(`${dependency}: the circuit is open`);
}

function stateOf(policy: CircuitBreakerPolicy): BreakerState {
  if (policy.state === CircuitState.Closed) return 'closed';
  return policy.state === CircuitState.HalfOpen ? 'half_open' : 'open';
}
