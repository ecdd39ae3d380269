import { type ContextKey, createContextValues } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GUEST } from '#services/platform/identity/caller.ts';
import { type CallBudget, callOf } from '#services/platform/server/call.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What is left of a call that was queued for `queuedMs`. */
function remainingOf(budget: CallBudget | undefined, timeoutMs: number | undefined, queuedMs = 0): number {
  const values = createContextValues();
  const get = <T>(key: ContextKey<T>): T => (key.defaultValue === 0 ? (queuedMs as T) : values.get(key));
  const context = { timeoutMs: () => timeoutMs, signal: AbortSignal.any([]), requestHeader: new Headers() };
  const { deadline, caller } = callOf({ ...context, values: { ...values, get } }, budget);
  expect(caller).toEqual(GUEST);
  return deadline.remainingMs();
}

describe('the time of a call', () => {
  it.each([
    { what: 'the budget of the service when its caller waits for ever', timeoutMs: undefined, left: 2_500 },
    { what: 'the budget of the service when its caller waits longer', timeoutMs: 9_000, left: 2_500 },
    { what: 'that of its caller without what the answer takes', timeoutMs: 1_000, left: 900 },
    { what: 'over when its caller waits no longer than the answer takes', timeoutMs: 60, left: 0 },
  ])('is $what', ({ timeoutMs, left }) => {
    expect(remainingOf({ budgetMs: 2_500, answerMs: 100 }, timeoutMs)).toBe(left);
  });

  it('is that of its caller when the service has no budget', () => {
    expect(remainingOf(undefined, 700)).toBe(700);
  });

  it('includes what it was queued', () => {
    expect(remainingOf({ budgetMs: 2_500 }, undefined, 400)).toBe(2_100);
    expect(remainingOf({ budgetMs: 2_500 }, undefined, 3_000)).toBe(0);
  });
});
