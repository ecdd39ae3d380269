// Everything that happens round a call to one dependency, whatever it is called by: the caller's time, a bulkhead, the circuit
// breaker, and inside it the retries, so that a call that was repeated counts once. rpc-client.ts guards RPCs with it.

import { BulkheadFullError, createBulkhead } from '../base/bulkhead.ts';
import { type Deadline, startDeadline } from '../base/deadline.ts';
import { describeError } from '../base/errors.ts';
import { excludeWait } from '../base/service-time.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import {
  type Breaker,
  type BreakerState,
  type BreakerView,
  CircuitOpenError,
  createBreaker,
  type Verdict,
} from './breaker.ts';
import { type CallFailure, DependencyError } from './dependency-error.ts';
import { type RetryOptions, withRetries } from './retry.ts';

/** How calls to one dependency behave; all times in milliseconds. */
export type DependencyPolicy = Pick<RetryOptions, 'retries' | 'retryBackoff'> & {
  /** The dependency's name in logs, metrics and GetStatus. */
  readonly name: string;
  /** The longest a call may take with its waits and repeats, whatever the caller's time. */
  readonly timeoutMs: number;
  /** The longest a single try may take. */
  readonly tryTimeoutMs: number;
  /** With less than this left, a call is not made and not counted. */
  readonly minimumMs: number;
  /** Calls at once; the others wait. */
  readonly maxConcurrent: number;
  /** How many may wait, and how long; past either a call fails as `overloaded`, not made and not counted. */
  readonly maxQueued: number;
  readonly maxQueueMs: number;
  /** Consecutive failures that open the breaker. */
  readonly breakerFailures: number;
  /** From opening the breaker to its probe. */
  readonly breakerResetMs: number;
};

export type PolicyCall<T> = {
  /** Its name in the metrics. */
  readonly operation: string;
  /** What is left of the caller's time; undefined when the caller waits as long as the policy allows. */
  readonly timeoutMs: number | undefined;
  /** Aborts when the caller gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Whether making it twice does no harm. */
  readonly repeatable: boolean;
  /** Whether its failure counts for the breaker; one that does not may still be the probe. */
  readonly counted: boolean;
  /** Makes one try, which must end within `timeoutMs` milliseconds. */
  readonly send: (timeoutMs: number) => Promise<T>;
};

export type CallPolicy = {
  readonly name: string;
  /** Makes a call. Throws DependencyError; an error that `toFailure` does not know, as it is. */
  call<T>(call: PolicyCall<T>): Promise<T>;
  breaker(): BreakerView;
};

export type CallPolicyOptions = {
  readonly policy: DependencyPolicy;
  /** Sorts what a try threw into a DependencyError; returns what is no failure of the dependency as it is. */
  readonly toFailure: (thrown: unknown, cancelled: boolean) => unknown;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** The failures by which a breaker opens. */
const COUNTED: ReadonlySet<CallFailure> = new Set(['timeout', 'unreachable', 'internal', 'unreadable']);

/** Makes the guard of one dependency. */
export function createCallPolicy({ policy, toFailure, metrics, log }: CallPolicyOptions): CallPolicy {
  const { name } = policy;
  const bulkhead = createBulkhead(policy);
  metrics.watchBulkhead(name, bulkhead.view);
  const breaker = createObservedBreaker(policy, metrics, log);
  // Nothing left is too little for every call; a transport would take it for no limit at all.
  const minimumMs = Math.max(1, policy.minimumMs);
  const requireTime = (deadline: Deadline): void => {
    if (deadline.remainingMs() < minimumMs) throw new DependencyError(name, 'not_called');
  };

  const makeTry = async <T>({ send, signal }: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    try {
      return await send(Math.min(policy.tryTimeoutMs, deadline.remainingMs()));
    } catch (error) {
      throw toFailure(error, signal?.aborted ?? false);
    }
  };

  const makeTries = <T>(call: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    const options = {
      retries: policy.retries,
      retryBackoff: policy.retryBackoff,
      minimumMs,
      deadline,
      signal: call.signal,
      // A probe is one try, and a breaker that opened meanwhile stands for this call too.
      mayRepeat: () => call.repeatable && breaker.view().state === 'closed',
      onRetry: () => metrics.callRetries.inc({ dependency: name, rpc: call.operation }),
    };
    return withRetries(options, () => makeTry(call, deadline));
  };

  const makeCall = async <T>(call: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    requireTime(deadline);
    breaker.requireReady(); // Waiting for a place only to be refused helps nobody.
    const leave = await bulkhead.enter(Math.min(policy.maxQueueMs, deadline.remainingMs() - minimumMs), call.signal);
    try {
      requireTime(deadline);
      return await breaker.run(() => makeTries(call, deadline), call.counted ? judgeCall : judgeBackgroundCall);
    } finally {
      leave();
    }
  };

  return {
    name,
    breaker: breaker.view,
    call: async (call) => {
      const endTimer = metrics.rpcCalled.startTimer({ dependency: name, rpc: call.operation });
      try {
        const deadline = startDeadline(Math.min(policy.timeoutMs, call.timeoutMs ?? Infinity));
        const result = await excludeWait(() => makeCall(call, deadline));
        endTimer({ code: 'ok' });
        return result;
      } catch (error) {
        if (error instanceof BulkheadFullError) metrics.bulkheadRefused.inc({ bulkhead: name });
        const failure = toOwnFailure(name, error, call.signal?.aborted ?? false);
        endTimer({ code: kindOf(failure) });
        warnOfMisunderstanding(log, call.operation, failure);
        throw failure;
      }
    },
  };
}

function createObservedBreaker(policy: DependencyPolicy, metrics: Metrics, log: Logger): Breaker {
  const { name: dependency, breakerFailures: failures, breakerResetMs: resetMs } = policy;
  const show = (state: BreakerState, since: Date | undefined): void => {
    metrics.breakerState.set({ dependency }, { closed: 0, half_open: 1, open: 2 }[state]);
    metrics.breakerChanged.set({ dependency }, (since?.getTime() ?? 0) / 1_000);
  };
  show('closed', undefined);
  // There from the start: a counter that comes into being with its first count has no increase to show.
  for (const failure of COUNTED) metrics.breakerOpened.inc({ dependency, failure }, 0);
  return createBreaker({
    dependency,
    failures,
    resetMs,
    onChange: ({ state, since, reason }, openedBy) => {
      show(state, since);
      if (state === 'open') metrics.breakerOpened.inc({ dependency, failure: kindOf(openedBy) });
      log.warn({ dependency, state, reason }, 'circuit breaker changed');
    },
  });
}

// As the metrics name it.
function kindOf(failure: unknown): CallFailure | 'mistake' {
  return failure instanceof DependencyError ? failure.failure : 'mistake';
}

// What the guard itself refused; the rest was sorted where it was caught.
function toOwnFailure(name: string, error: unknown, cancelled: boolean): unknown {
  if (error instanceof DependencyError) return error;
  if (error instanceof CircuitOpenError) return new DependencyError(name, 'circuit_open');
  if (error instanceof BulkheadFullError) {
    return new DependencyError(name, 'overloaded', '', 'was not called: too many calls to it are under way', error);
  }
  return cancelled ? new DependencyError(name, 'cancelled', '', undefined, error) : error;
}

// Nothing that waits mends this by itself: somebody has to look at the way, or at the versions of its two ends.
function warnOfMisunderstanding(log: Logger, rpc: string, failure: unknown): void {
  if (!(failure instanceof DependencyError)) return;
  const { dependency, failure: kind, cause } = failure;
  if (kind !== 'not_understood' && kind !== 'unreadable') return;
  log.warn({ dependency, rpc, failure: kind, said: describeError(cause) }, 'a call was not understood');
}

/** What the breaker learns from a failed call. */
export function judgeCall(error: unknown): Verdict {
  if (!(error instanceof DependencyError) || COUNTED.has(error.failure)) return 'failure';
  return error.failure === 'refused' || error.failure === 'not_understood' ? 'healthy' : 'unknown';
}

/** What the breaker learns from a failed call that nobody waited for: nothing, unless it was well enough to refuse. */
export function judgeBackgroundCall(error: unknown): Verdict {
  return judgeCall(error) === 'healthy' ? 'healthy' : 'unknown';
}
