// The limits of a call policy at their edges, what it measures, and what its errors say.
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { createBreaker } from '#services/platform/client/breaker.ts';
import { createCallPolicy, type DependencyPolicy, type PolicyCall } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError, toDependencyError } from '#services/platform/client/dependency-error.ts';
import { withRetries } from '#services/platform/client/retry.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failure = (kind: CallFailure) => new DependencyError({ dependency: 'inventory', failure: kind });
const hang = () => new Promise<never>(() => undefined);

function createTestPolicy(policy: Partial<DependencyPolicy> = {}) {
  const metrics = createMetrics('order');
  const toFailure = vi.fn((thrown: unknown, _isCancelled: boolean) => thrown);
  const { call } = createCallPolicy({ policy: policyOf(policy), toFailure, metrics, log: recordLog().log });
  const send = (attempt: () => Promise<unknown>, change: Partial<PolicyCall<unknown>> = {}) =>
    call({ operation: 'Check', timeoutMs: undefined, idempotent: true, counted: true, send: attempt, ...change }).then(
      () => 'ok',
      (error: DependencyError) => error.failure,
    );
  return { metrics, toFailure, send };
}

describe('a call', () => {
  it.each([
    [50, 'ok'],
    [49, 'not_called'],
  ])('with %i ms left where 50 are the minimum is %s', async (timeoutMs, outcome) => {
    const { send } = createTestPolicy({ minimumMs: 50 });

    expect(await send(async () => 'answer', { timeoutMs })).toBe(outcome);
  });

  it('without time left is not called, also when the circuit is open', async () => {
    const { send } = createTestPolicy({ breakerFailures: 1 });
    await send(() => Promise.reject(failure('unreachable')));

    expect(await send(hang)).toBe('circuit_open');
    expect(await send(hang, { timeoutMs: 0 })).toBe('not_called');
  });

  it('whose time was used up in the queue is not made', async () => {
    const { send } = createTestPolicy({ maxConcurrent: 1, minimumMs: 50 });
    const first = Promise.withResolvers<unknown>();
    void send(() => first.promise);
    const second = vi.fn(async () => 'answer');
    const queued = send(second, { timeoutMs: 500 });
    // The process was busy for longer than the call may wait: its timer has not fired yet.
    const late = performance.now() + 480;
    vi.spyOn(performance, 'now').mockReturnValue(late);
    first.resolve('answer');

    expect(await queued).toBe('not_called');
    expect(second).not.toHaveBeenCalled();
  });

  it.each([
    { caller: 'without a signal', hasSignal: false, givesUp: false },
    { caller: 'that waits', hasSignal: true, givesUp: false },
    { caller: 'that gives up', hasSignal: true, givesUp: true },
  ])('of a caller $caller keeps the failure of its attempt', async ({ hasSignal, givesUp }) => {
    const { send, toFailure } = createTestPolicy();
    const caller = new AbortController();
    const error = failure('unreachable');

    const outcome = await send(
      () => {
        if (givesUp) caller.abort();
        return Promise.reject(error);
      },
      { signal: hasSignal ? caller.signal : undefined },
    );

    expect(toFailure.mock.calls).toEqual([[error, givesUp]]);
    expect(outcome).toBe('unreachable');
  });

  it('is measured once, with its protocol and its failure', async () => {
    const { send, metrics } = createTestPolicy();
    await send(async () => 'answer');
    await send(() => Promise.reject(failure('unreachable')));
    const { values } = await metrics.rpcClientDuration.get();
    const counts = values.filter(({ metricName }) => metricName?.endsWith('_count'));
    const labels = { rpc_system_name: 'connectrpc', rpc_method: 'Check', dependency: 'inventory' };

    expect(counts.map(({ labels: found, value }) => [found, value])).toEqual([
      [labels, 1],
      [{ ...labels, error_type: 'unreachable' }, 1],
    ]);
    expect((await metrics.bulkheadRejected.get()).values.filter(({ value }) => value > 0)).toEqual([]);
  });
});

describe('a breaker that is asked before a call', () => {
  const RESET_MS = 5_000;

  it('rejects from its opening until its time has passed, and while a probe is in flight', async () => {
    const breaker = createBreaker({
      dependency: 'inventory',
      failures: 1,
      resetMs: RESET_MS,
      onChange: () => undefined,
    });
    const isOpen = () => {
      try {
        breaker.throwIfOpen();
        return false;
      } catch (error) {
        expect(error).toMatchObject({ name: 'CircuitOpenError' });
        return true;
      }
    };
    expect(isOpen()).toBe(false);
    await breaker
      .execute(
        () => Promise.reject(new Error('down')),
        () => 'failure',
      )
      .catch(() => undefined);
    expect(isOpen()).toBe(true);
    vi.advanceTimersByTime(RESET_MS - 1);
    expect(isOpen()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(isOpen()).toBe(false);

    const probe = Promise.withResolvers<string>();
    const probing = breaker.execute(
      () => probe.promise,
      () => 'failure',
    );
    expect(isOpen()).toBe(true);
    probe.resolve('answer');
    await probing;
    expect([breaker.view().state, isOpen()]).toEqual(['closed', false]);
  });
});

describe('a retry', () => {
  const overloaded = (retryAfterMs: number) =>
    new DependencyError({ dependency: 'inventory', failure: 'overloaded', retryAfterMs });
  const run = async (error: Error, remainingMs: () => number) => {
    const execute = vi.fn(async () => 'answer').mockRejectedValueOnce(error);
    const outcome = withRetries(
      {
        retries: 1,
        retryBackoff: { firstMs: 50, maximumMs: 200 },
        deadline: { remainingMs },
        minimumMs: 20,
        signal: undefined,
        shouldRetry: () => true,
        onRetry: () => undefined,
      },
      execute,
    ).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(300);
    await outcome;
    return execute.mock.calls.length;
  };

  it.each([
    [200, 2],
    [201, 1],
  ])('that is asked for after %i ms: %i attempts', async (retryAfterMs, attempts) => {
    expect(await run(overloaded(retryAfterMs), () => 1_000)).toBe(attempts);
  });

  it('is not made when the wait took more time than it should', async () => {
    const remaining = [1_000, 19];

    expect(await run(failure('unreachable'), () => remaining.shift() ?? 0)).toBe(1);
  });
});

describe('the error of a dependency', () => {
  it.each<[CallFailure, string]>([
    ['timeout', 'inventory did not answer in time'],
    ['unreachable', 'inventory could not be reached'],
    ['internal', 'inventory answered with an internal error'],
    ['unreadable', 'inventory sent an answer that cannot be read'],
    ['not_understood', 'inventory did not understand the request'],
    ['circuit_open', 'inventory was not called: its circuit breaker is open'],
    ['overloaded', 'inventory sheds load'],
    ['not_called', 'inventory was not called: too little time was left'],
    ['refused', 'inventory refused'],
    ['cancelled', 'inventory was not waited for: the caller gave up'],
  ])('%s says: %s', (kind, message) => {
    expect(failure(kind).message).toBe(message);
    expect(failure(kind)).not.toHaveProperty('cause');
  });

  it.each([
    [
      'names the wait that the dependency asks for',
      [{ desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } }],
      1_500,
    ],
    ['names no wait when the dependency asks for none', [{ desc: RetryInfoSchema, value: {} }], undefined],
    ['names no wait without a word of the dependency', [], undefined],
  ])('%s', (_, details, retryAfterMs) => {
    const thrown = new ConnectError('busy', Code.ResourceExhausted, undefined, details);

    expect(toDependencyError('inventory', thrown, false)).toMatchObject({ failure: 'overloaded', retryAfterMs });
  });

  it.each<[string, ConnectError, CallFailure]>([
    ['an overload whose connection broke', withCause(Code.ResourceExhausted, 'ECONNRESET'), 'overloaded'],
    ['an internal error whose connection broke', withCause(Code.Internal, 'ECONNRESET'), 'unreachable'],
    ['an internal error with a code that only ends like one', withCause(Code.Internal, 'NOT_ECONNRESET'), 'unreadable'],
    ['an HTTP status', new ConnectError('HTTP 404', Code.Unknown), 'not_understood'],
    ['words that end with an HTTP status', new ConnectError('no HTTP 404', Code.Unknown), 'unreadable'],
    ['words that begin with an HTTP status', new ConnectError('HTTP 4040', Code.Unknown), 'unreadable'],
  ])('classifies %s', (_, thrown, kind) => {
    expect(toDependencyError('inventory', thrown, false).failure).toBe(kind);
  });
});

function withCause(code: Code, systemCode: string): ConnectError {
  return new ConnectError('words', code, undefined, undefined, Object.assign(new Error('gone'), { code: systemCode }));
}
