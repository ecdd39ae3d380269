// Timeouts beside calls that are answered: those of a dependency that is slow are counted, those of single calls are not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pause } from '#services/platform/base/backoff.ts';
import { createCallPolicy } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

const SLOW_MS = 2_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function createTestPolicy() {
  const policy = createCallPolicy({
    policy: policyOf({ breakerFailures: 5 }),
    toFailure: (thrown) => thrown,
    metrics: createMetrics('order'),
    log: recordLog().log,
  });
  const call = (send: () => Promise<unknown>, operation = 'ProcessPayment', counted = true) =>
    policy.call({ operation, timeoutMs: undefined, idempotent: false, counted, send });
  /** Starts calls that fail after two seconds; they are over when the time has passed. */
  const startSlow = (count: number, failure: CallFailure = 'timeout') =>
    Array.from({ length: count }, () =>
      call(async () => {
        await pause(SLOW_MS, new AbortController().signal);
        throw new DependencyError({ dependency: 'payment', failure });
      }).catch(() => undefined),
    );
  return { call, startSlow, state: () => policy.breaker().state };
}

const answer = async () => 'answer';
const decline = () => Promise.reject(new DependencyError({ dependency: 'payment', failure: 'refused' }));

describe('five calls that time out', () => {
  it('open the circuit when no other call is answered', async () => {
    const { startSlow, state } = createTestPolicy();
    startSlow(5);
    await vi.advanceTimersByTimeAsync(SLOW_MS);

    expect(state()).toBe('open');
  });

  it.each([
    ['answered', answer, true],
    ['refused', decline, true],
    ['answered in the background', answer, false],
  ])('leave it closed when another call of their method is %s in the meantime', async (_, send, counted) => {
    const { call, startSlow, state } = createTestPolicy();
    startSlow(5);
    await vi.advanceTimersByTimeAsync(100);
    await call(send, 'ProcessPayment', counted).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(SLOW_MS);

    expect(state()).toBe('closed');
  });

  it.each([0, 1])('open it when what was answered is another method, or an earlier call %d ms before', async (ms) => {
    const { call, startSlow, state } = createTestPolicy();
    await call(answer);
    await vi.advanceTimersByTimeAsync(ms);
    startSlow(5);
    await vi.advanceTimersByTimeAsync(100);
    await call(answer, 'RefundPayment');
    await vi.advanceTimersByTimeAsync(SLOW_MS);

    expect(state()).toBe('open');
  });
});

it('a timeout beside an answered call is no answer: failures before and after it are consecutive', async () => {
  const { call, startSlow, state } = createTestPolicy();
  const fail = () => Promise.reject(new DependencyError({ dependency: 'payment', failure: 'unreachable' }));
  startSlow(1);
  await vi.advanceTimersByTimeAsync(100);
  await call(answer);
  for (let failures = 0; failures < 4; failures += 1) await call(fail).catch(() => undefined);
  await vi.advanceTimersByTimeAsync(SLOW_MS);
  expect(state()).toBe('closed');

  await call(fail).catch(() => undefined);

  expect(state()).toBe('open');
});

it('a timeout that only a healthy dependency reports is an answer: the failures before it are forgotten', async () => {
  const { call, state } = createTestPolicy();
  const fail = () => Promise.reject(new DependencyError({ dependency: 'payment', failure: 'unreachable' }));
  const report = async () => {
    await pause(SLOW_MS, new AbortController().signal);
    throw new DependencyError({ dependency: 'payment', failure: 'timeout', countsAs: 'success' });
  };
  for (let failures = 0; failures < 4; failures += 1) await call(fail).catch(() => undefined);

  const reported = call(report).catch(() => undefined);
  await vi.advanceTimersByTimeAsync(SLOW_MS);
  await reported;
  await call(fail).catch(() => undefined);

  expect(state()).toBe('closed');
});

it('counts connections that break, whatever is answered in the meantime', async () => {
  const { call, startSlow, state } = createTestPolicy();
  startSlow(5, 'unreachable');
  await vi.advanceTimersByTimeAsync(100);
  await call(answer);
  await vi.advanceTimersByTimeAsync(SLOW_MS);

  expect(state()).toBe('open');
});
