import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCallPolicy, type DependencyPolicy, type PolicyCall } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failure = (kind: CallFailure) => new DependencyError({ dependency: 'inventory', failure: kind });
const failureOf = (kind: CallFailure) => ({ name: 'DependencyError', dependency: 'inventory', failure: kind });

function createTestPolicy(policy: Partial<DependencyPolicy> = {}) {
  const metrics = createMetrics('order');
  const { log, lines } = recordLog();
  const guard = createCallPolicy({
    policy: policyOf({ retries: 2, ...policy }),
    toFailure: (thrown) => thrown,
    metrics,
    log,
  });
  const sent: number[] = [];
  const call = (send: () => Promise<unknown>, change: Partial<PolicyCall<unknown>> = {}) =>
    guard.call({
      operation: 'Check',
      timeoutMs: undefined,
      idempotent: true,
      counted: true,
      send: (timeoutMs) => {
        sent.push(timeoutMs);
        return send();
      },
      ...change,
    });
  /** Makes a call whose attempts fail in these ways, and waits for its end. */
  const fail = async (kinds: readonly CallFailure[], change: Partial<PolicyCall<unknown>> = {}) => {
    const left = [...kinds];
    const outcome = call(async () => {
      const kind = left.shift();
      if (kind !== undefined) throw failure(kind);
    }, change).then(
      () => 'ok',
      (error: DependencyError) => error.failure,
    );
    await vi.advanceTimersByTimeAsync(500);
    return await outcome;
  };
  return { guard, metrics, lines, sent, call, fail, state: () => guard.breaker().state };
}

const hang = () => new Promise<never>(() => undefined);
const answer = async () => 'answer';

describe('the time of a call', () => {
  it.each([
    ['what is left of the caller’s', { timeoutMs: 300 }, 300],
    ['what the policy allows a try', { timeoutMs: 5_000 }, 800],
    ['what the policy allows an attempt, when the caller has no deadline', { timeoutMs: undefined }, 800],
  ])('is %s', async (_, change, timeMs) => {
    const { call, sent } = createTestPolicy({ timeoutMs: 1_000, tryTimeoutMs: 800 });

    await call(answer, change);

    expect(sent).toEqual([timeMs]);
  });

  it('shrinks from attempt to attempt by the waits', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { fail, sent } = createTestPolicy({ retryBackoff: { firstMs: 100, maximumMs: 100 } });

    expect(await fail(['unreachable', 'unreachable'], { timeoutMs: 300 })).toBe('ok');

    expect(sent).toEqual([300, 200, 100]);
  });

  it('includes the time in the queue', async () => {
    const { call, sent } = createTestPolicy({ maxConcurrent: 1 });
    const first = Promise.withResolvers<string>();
    const running = [call(() => first.promise), call(answer, { timeoutMs: 500 })];
    await vi.advanceTimersByTimeAsync(200);
    first.resolve('answer');
    await Promise.all(running);

    expect(sent).toEqual([1_000, 300]);
  });

  it('that is too short for a call prevents it, without queueing', async () => {
    const { call, sent, state } = createTestPolicy({ minimumMs: 50, breakerFailures: 1 });

    await expect(call(answer, { timeoutMs: 49 })).rejects.toMatchObject(failureOf('not_called'));

    expect(sent).toEqual([]);
    expect(state()).toBe('closed');
  });
});

describe('a retried call', () => {
  it('counts once, however often it failed', async () => {
    const { fail, sent, state } = createTestPolicy({ breakerFailures: 2 });

    await fail(['unreachable', 'unreachable', 'unreachable']);
    expect(state()).toBe('closed');
    expect(sent).toHaveLength(3);
    await fail(['unreachable', 'unreachable', 'unreachable']);

    expect(state()).toBe('open');
  });

  it('that succeeds in the end counts as success', async () => {
    const { fail, state } = createTestPolicy({ breakerFailures: 2 });

    await fail(['timeout']);
    expect(await fail(['unreachable', 'unreachable'])).toBe('ok');
    await fail(['timeout']);

    expect(state()).toBe('closed');
  });

  it('is retried only when it is idempotent', async () => {
    const { fail, sent } = createTestPolicy();

    expect(await fail(['unreachable'], { idempotent: false })).toBe('unreachable');

    expect(sent).toHaveLength(1);
  });

  it('is not retried once the breaker opened, nor as a probe', async () => {
    const { call, fail, sent, state } = createTestPolicy({ breakerFailures: 1, breakerResetMs: 5_000 });
    const waiting = call(() => Promise.reject(failure('unreachable'))).catch((error: DependencyError) => error.failure);
    expect(await fail(['timeout'])).toBe('timeout');
    expect(await waiting).toBe('unreachable');
    expect(sent).toHaveLength(2);

    await vi.advanceTimersByTimeAsync(5_000);
    expect(await fail(['unreachable'])).toBe('unreachable');

    expect(sent).toHaveLength(3);
    expect(state()).toBe('open');
  });

  it('shows in the metrics', async () => {
    const { fail, metrics } = createTestPolicy();

    await fail(['unreachable', 'unreachable']);

    expect((await metrics.rpcClientRetries.get()).values).toMatchObject([
      { value: 2, labels: { dependency: 'inventory', rpc_method: 'Check' } },
    ]);
  });
});

describe('a slow dependency', () => {
  it('is called up to its limit; a call beyond the queue fails at once, not made and not counted', async () => {
    const { call, sent, state, metrics } = createTestPolicy({ maxConcurrent: 2, maxQueued: 1, breakerFailures: 1 });
    const hanging = Array.from({ length: 3 }, () => call(hang));
    await vi.advanceTimersByTimeAsync(0);

    await expect(call(answer)).rejects.toMatchObject({
      ...failureOf('overloaded'),
      message: 'inventory was not called: too many calls to it are in flight',
    });

    expect(hanging).toHaveLength(3);
    expect(sent).toHaveLength(2);
    expect(state()).toBe('closed');
    const text = await metrics.registry.metrics();
    expect(text).toContain('bulkhead_in_flight{bulkhead="inventory",service="order"} 2');
    expect(text).toContain('bulkhead_queued{bulkhead="inventory",service="order"} 1');
    expect(text).toContain('bulkhead_rejected_total{bulkhead="inventory",service="order"} 1');
  });

  it('is waited for as long as the policy allows', async () => {
    const { call } = createTestPolicy({ maxConcurrent: 1, maxQueueMs: 250 });
    const hanging = call(hang);
    const refused = expect(call(answer)).rejects.toMatchObject(failureOf('overloaded'));

    await vi.advanceTimersByTimeAsync(250);

    await refused;
    expect(hanging).toBeInstanceOf(Promise);
  });

  it('is not called for a call whose time ended in the queue', async () => {
    const { call, sent } = createTestPolicy({ maxConcurrent: 1, minimumMs: 100 });
    const first = Promise.withResolvers<string>();
    const running = call(() => first.promise);
    const late = expect(call(answer, { timeoutMs: 150 })).rejects.toMatchObject(failureOf('overloaded'));
    await vi.advanceTimersByTimeAsync(50);
    await late;
    first.resolve('answer');
    await running;

    expect(sent).toHaveLength(1);
  });

  it('cancels a queued call whose caller gives up, and frees its place in the queue', async () => {
    const { call, sent } = createTestPolicy({ maxConcurrent: 1 });
    const first = Promise.withResolvers<string>();
    const running = call(() => first.promise);
    const caller = new AbortController();
    const cancelled = expect(call(answer, { signal: caller.signal })).rejects.toMatchObject(failureOf('cancelled'));
    await vi.advanceTimersByTimeAsync(0);
    caller.abort();
    await cancelled;
    first.resolve('answer');
    await running;

    await call(answer);
    expect(sent).toHaveLength(2);
  });
});

describe('a call that was not understood', () => {
  it.each<[CallFailure, string]>([
    ['not_understood', 'closed'],
    ['unreadable', 'open'],
  ])('%s: is not retried, and leaves the breaker %s', async (kind, state) => {
    const setting = createTestPolicy({ breakerFailures: 1 });

    expect(await setting.fail([kind])).toBe(kind);

    expect(setting.sent).toHaveLength(1);
    expect(setting.state()).toBe(state);
  });

  it.each<CallFailure>(['not_understood', 'unreadable'])(
    '%s: is logged once per call, with the message of the dependency',
    async (kind) => {
      const { call, lines } = createTestPolicy({ breakerFailures: 3 });
      const said = new Error('[invalid_argument] order_id: must not be empty');
      const misunderstood = () =>
        Promise.reject(new DependencyError({ dependency: 'inventory', failure: kind, cause: said }));

      await expect(call(misunderstood)).rejects.toMatchObject(failureOf(kind));
      await expect(call(misunderstood)).rejects.toMatchObject(failureOf(kind));

      const line = {
        level: 'warn',
        dependency: 'inventory',
        'rpc.method': 'Check',
        'error.type': kind,
        reason: said.message,
      };
      expect(lines).toMatchObject([line, line]);
    },
  );

  it.each<CallFailure>(['timeout', 'unreachable', 'internal', 'refused', 'overloaded'])(
    'is not logged when it is %s',
    async (kind) => {
      const { fail, lines } = createTestPolicy({ retries: 0 });

      await fail([kind]);

      expect(lines).toEqual([]);
    },
  );
});

describe('an open breaker', () => {
  it('rejects at once even while every slot is taken', async () => {
    const { call, fail } = createTestPolicy({ maxConcurrent: 1, breakerFailures: 1 });
    await fail(['timeout']);
    await vi.advanceTimersByTimeAsync(5_000);
    const probe = Promise.withResolvers<string>();
    const probing = call(() => probe.promise);
    await vi.advanceTimersByTimeAsync(0);

    await expect(call(answer)).rejects.toMatchObject({
      ...failureOf('circuit_open'),
      message: 'inventory was not called: its circuit breaker is open',
    });

    probe.resolve('answer');
    await probing;
  });

  it('rejects a call that was queued while it opened', async () => {
    const { call, sent } = createTestPolicy({ maxConcurrent: 1, breakerFailures: 1 });
    const first = Promise.withResolvers<string>();
    const failing = expect(call(() => first.promise)).rejects.toMatchObject(failureOf('timeout'));
    const waiting = expect(call(answer)).rejects.toMatchObject(failureOf('circuit_open'));

    first.reject(failure('timeout'));

    await Promise.all([failing, waiting]);
    expect(sent).toHaveLength(1);
  });

  it('shows in the metrics: its state, since when, and by which failure it opened', async () => {
    vi.setSystemTime(1_767_225_600_000);
    const { fail, metrics } = createTestPolicy({ breakerFailures: 1, retries: 0 });
    const show = async () =>
      (await metrics.registry.metrics()).split('\n').filter((line) => /^circuit_breaker_.* [^0]/.test(line));
    expect(await show()).toEqual([]);

    await fail(['unreadable']);
    expect(await show()).toEqual([
      'circuit_breaker_state{dependency="inventory",service="order"} 2',
      'circuit_breaker_changed_timestamp_seconds{dependency="inventory",service="order"} 1767225600',
      'circuit_breaker_opened_total{dependency="inventory",error_type="unreadable",service="order"} 1',
    ]);
    await vi.advanceTimersByTimeAsync(5_500);
    await fail(['timeout']);

    expect((await show()).slice(1)).toEqual([
      'circuit_breaker_changed_timestamp_seconds{dependency="inventory",service="order"} 1767225606',
      'circuit_breaker_opened_total{dependency="inventory",error_type="timeout",service="order"} 1',
      'circuit_breaker_opened_total{dependency="inventory",error_type="unreadable",service="order"} 1',
    ]);
  });

  it('counts its openings from zero, so that the first is an increase', async () => {
    const { metrics } = createTestPolicy();

    const { values } = await metrics.breakerOpened.get();

    expect(values.map(({ labels, value }) => [labels.error_type, value])).toEqual([
      ['timeout', 0],
      ['unreachable', 0],
      ['internal', 0],
      ['unreadable', 0],
    ]);
  });

  it('distinguishes a bug from a failure of the dependency', async () => {
    const { call, metrics } = createTestPolicy({ breakerFailures: 1 });
    await expect(call(() => Promise.reject(new TypeError('x')))).rejects.toThrow('x');

    expect(await metrics.registry.metrics()).toContain(
      'dependency="inventory",error_type="mistake",service="order"} 1',
    );
  });

  it('is logged once for each change', async () => {
    const { fail, lines } = createTestPolicy({ breakerFailures: 1 });
    await fail(['timeout']);
    await fail(['timeout']);

    expect(lines.map(({ dependency, state }) => [dependency, state])).toEqual([['inventory', 'open']]);
  });
});

it('passes on the error of a bug unchanged', async () => {
  const { call } = createTestPolicy();
  const mistake = new TypeError('x is undefined');

  await expect(call(() => Promise.reject(mistake))).rejects.toBe(mistake);
});

it('a call that does not count opens no breaker', async () => {
  const { fail, state } = createTestPolicy({ breakerFailures: 1 });

  for (let time = 0; time < 5; time += 1) await fail(['timeout'], { counted: false });

  expect(state()).toBe('closed');
});
