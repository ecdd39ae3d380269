// The resilience policy of calls to one dependency, over any protocol: deadline, bulkhead, circuit breaker, and inside the breaker the
// retries, so that a retried call counts once. rpc-client.ts applies it to RPCs.

import { BulkheadRejectedError, createBulkhead } from '../base/bulkhead.ts';
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
  type Outcome,
} from './breaker.ts';
import { type CallFailure, DependencyError } from './dependency-error.ts';
import { type RetryOptions, withRetries } from './retry.ts';

/** How calls to one dependency behave; all times in milliseconds. */
export type DependencyPolicy = Pick<RetryOptions, 'retries' | 'retryBackoff'> & {
  /** The dependency's name in logs, metrics and GetStatus. */
  readonly name: string;
  /** The longest a call may take with its waits and retries, even if the caller would wait longer. */
  readonly timeoutMs: number;
  /** The longest a single attempt may take. */
  readonly tryTimeoutMs: number;
  /** With less than this left, a call is not made and not counted. */
  readonly minimumMs: number;
  /** Calls in flight at once; further calls are queued. */
  readonly maxConcurrent: number;
  /** How many calls may be queued, and for how long. Beyond either limit a call fails as `overloaded`; it is not made and not counted. */
  readonly maxQueued: number;
  readonly maxQueueMs: number;
  /** Consecutive failures that open the breaker. */
  readonly breakerFailures: number;
  /** From opening the breaker to its probe. */
  readonly breakerResetMs: number;
  /**
   * The reasons by which the dependency reports that something behind it has failed: it answered, so the breaker takes it for healthy.
   * The dependency has a breaker of its own for what is behind it.
   */
  readonly healthyReasons?: readonly string[];
};

export type PolicyCall<T> = {
  /** The method's name in metrics and logs. */
  readonly operation: string;
  /** What is left of the caller's time; undefined when the caller waits as long as the policy allows. */
  readonly timeoutMs: number | undefined;
  /** Aborts when the caller gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the call may be retried: making it twice has the effect of making it once. */
  readonly idempotent: boolean;
  /** Whether the breaker counts a failure. A call that is not counted may still be the probe. */
  readonly counted: boolean;
  /** Makes one attempt, which must end within `timeoutMs` milliseconds. */
  readonly send: (timeoutMs: number) => Promise<T>;
};

export type CallPolicy = {
  readonly name: string;
  /**
   * Makes a call under the policy.
   *
   * @throws {DependencyError} when the call fails; an error that `toFailure` does not know is thrown unchanged.
   */
  call<T>(call: PolicyCall<T>): Promise<T>;
  breaker(): BreakerView;
};

export type CallPolicyOptions = {
  readonly policy: DependencyPolicy;
  /** The protocol, as metrics name it. Default `connectrpc`. */
  readonly system?: string;
  /** Classifies what an attempt threw as a DependencyError; returns an error that is no failure of the dependency unchanged. */
  readonly toFailure: (thrown: unknown, isCancelled: boolean) => unknown;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** The failures that the breaker counts. */
const COUNTED: ReadonlySet<CallFailure> = new Set(['timeout', 'unreachable', 'internal', 'unreadable']);

/** Creates the policy of one dependency. */
export function createCallPolicy(options: CallPolicyOptions): CallPolicy {
  const { policy, system = 'connectrpc', toFailure, metrics, log } = options;
  const { name } = policy;
  const bulkhead = createBulkhead(policy);
  metrics.observeBulkhead(name, bulkhead.view);
  const breaker = createObservedBreaker(policy, metrics, log);
  // At least 1: a transport treats a timeout of 0 as no limit.
  const minimumMs = Math.max(1, policy.minimumMs);
  const requireTime = (deadline: Deadline): void => {
    if (deadline.remainingMs() < minimumMs) throw new DependencyError({ dependency: name, failure: 'not_called' });
  };

  const attempt = async <T>({ send, signal }: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    try {
      return await send(Math.min(policy.tryTimeoutMs, deadline.remainingMs()));
    } catch (error) {
      throw toFailure(error, signal?.aborted ?? false);
    }
  };

  const callWithRetries = <T>(call: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    const retryOptions = {
      retries: policy.retries,
      retryBackoff: policy.retryBackoff,
      minimumMs,
      deadline,
      signal: call.signal,
      // A probe is a single attempt; and once a concurrent call has opened the breaker, this call stops as well.
      shouldRetry: () => call.idempotent && breaker.view().state === 'closed',
      onRetry: () => metrics.rpcClientRetries.inc({ dependency: name, rpc_method: call.operation }),
    };
    return withRetries(retryOptions, () => attempt(call, deadline));
  };

  const callWithinLimits = async <T>(call: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    requireTime(deadline);
    breaker.throwIfOpen(); // Checked before queueing, so that callers fail fast.
    const release = await bulkhead.acquire(
      Math.min(policy.maxQueueMs, deadline.remainingMs() - minimumMs),
      call.signal,
    );
    try {
      requireTime(deadline);
      return await callThroughBreaker(call, deadline);
    } finally {
      release();
    }
  };

  // When each method was last answered: by methods of the contract, so it stays small.
  const answeredMs = new Map<string, number>();
  const callThroughBreaker = async <T>(call: PolicyCall<T>, deadline: Deadline): Promise<T> => {
    const { operation } = call;
    const beganMs = performance.now();
    const classify = (error: unknown): Outcome => {
      const outcome = call.counted ? classifyCall(error) : classifyBackgroundCall(error);
      if (outcome === 'success') answeredMs.set(operation, performance.now());
      // What kept this call waiting did not keep others: it may be its own content, like one customer's payment method.
      const wasAnsweredSince = (answeredMs.get(operation) ?? Number.NEGATIVE_INFINITY) > beganMs;
      return outcome === 'failure' && isTimeout(error) && wasAnsweredSince ? 'ignored' : outcome;
    };
    const result = await breaker.execute(() => callWithRetries(call, deadline), classify);
    answeredMs.set(operation, performance.now());
    return result;
  };

  return {
    name,
    breaker: breaker.view,
    call: async (call) => {
      const labels = { rpc_system_name: system, rpc_method: call.operation, dependency: name };
      const endTimer = metrics.rpcClientDuration.startTimer(labels);
      try {
        const deadline = startDeadline(Math.min(policy.timeoutMs, call.timeoutMs ?? Infinity));
        const result = await excludeWait(() => callWithinLimits(call, deadline));
        endTimer({});
        return result;
      } catch (error) {
        if (error instanceof BulkheadRejectedError) metrics.bulkheadRejected.inc({ bulkhead: name });
        const failure = toPolicyFailure(name, error, call.signal?.aborted ?? false);
        endTimer({ error_type: errorTypeOf(failure) });
        warnOfMisunderstanding(log, call.operation, failure);
        throw failure;
      }
    },
  };
}

function createObservedBreaker(policy: DependencyPolicy, metrics: Metrics, log: Logger): Breaker {
  const { name: dependency, breakerFailures: failures, breakerResetMs: resetMs } = policy;
  const publish = (state: BreakerState, since: Date | undefined): void => {
    metrics.breakerState.set({ dependency }, { closed: 0, half_open: 1, open: 2 }[state]);
    metrics.breakerChanged.set({ dependency }, (since?.getTime() ?? 0) / 1_000);
  };
  publish('closed', undefined);
  // Create the series up front; otherwise Prometheus `increase()` misses the first opening.
  for (const failure of COUNTED) metrics.breakerOpened.inc({ dependency, error_type: failure }, 0);
  return createBreaker({
    dependency,
    failures,
    resetMs,
    onChange: ({ state, since, reason }, openedBy) => {
      publish(state, since);
      if (state === 'open') metrics.breakerOpened.inc({ dependency, error_type: errorTypeOf(openedBy) });
      log.warn({ dependency, state, reason }, 'circuit breaker changed');
    },
  });
}

// `error.type` in metrics and logs. An error that is no DependencyError is a programming mistake.
function errorTypeOf(failure: unknown): CallFailure | 'mistake' {
  return failure instanceof DependencyError ? failure.failure : 'mistake';
}

// Maps the rejections of the policy itself; failures of an attempt were classified by `toFailure`.
function toPolicyFailure(dependency: string, error: unknown, isCancelled: boolean): unknown {
  if (error instanceof DependencyError) return error;
  if (error instanceof CircuitOpenError) return new DependencyError({ dependency, failure: 'circuit_open' });
  if (error instanceof BulkheadRejectedError) {
    const description = 'was not called: too many calls to it are in flight';
    return new DependencyError({ dependency, failure: 'overloaded', description, cause: error });
  }
  return isCancelled ? new DependencyError({ dependency, failure: 'cancelled', cause: error }) : error;
}

// Waiting does not fix these: an operator has to look at the network, or at the versions of both ends.
function warnOfMisunderstanding(log: Logger, method: string, failure: unknown): void {
  if (!(failure instanceof DependencyError)) return;
  const { dependency, failure: type, cause } = failure;
  if (type !== 'not_understood' && type !== 'unreadable') return;
  const fields = { dependency, 'rpc.method': method, 'error.type': type, reason: describeError(cause) };
  log.warn(fields, 'a call was not understood');
}

function isTimeout(error: unknown): boolean {
  return error instanceof DependencyError && error.failure === 'timeout';
}

/** What a failed call counts as for the breaker. */
export function classifyCall(error: unknown): Outcome {
  if (!(error instanceof DependencyError)) return 'failure';
  if (error.countsAs !== undefined) return error.countsAs;
  if (COUNTED.has(error.failure)) return 'failure';
  return error.failure === 'refused' || error.failure === 'not_understood' ? 'success' : 'ignored';
}

/** What a failed background call counts as: nothing, unless the dependency was healthy enough to refuse it. */
export function classifyBackgroundCall(error: unknown): Outcome {
  return classifyCall(error) === 'success' ? 'success' : 'ignored';
}
