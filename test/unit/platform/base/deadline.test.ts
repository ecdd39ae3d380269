import { describe, expect, it } from 'vitest';
import { callBudgetMs, startDeadline } from '#services/platform/base/deadline.ts';

describe('a deadline', () => {
  it('returns the remaining time in whole milliseconds, rounded down', () => {
    let nowMs = 1_000;
    const deadline = startDeadline(2_500, () => nowMs);

    expect(deadline.remainingMs()).toBe(2_500);
    nowMs = 1_000.4;
    expect(deadline.remainingMs()).toBe(2_499);
    nowMs = 3_400;
    expect(deadline.remainingMs()).toBe(100);
  });

  it('is never negative', () => {
    let nowMs = 0;
    const deadline = startDeadline(10, () => nowMs);

    nowMs = 10;
    expect(deadline.remainingMs()).toBe(0);
    nowMs = 1_000_000;
    expect(deadline.remainingMs()).toBe(0);
  });

  it('uses the monotonic clock by default', () => {
    const deadline = startDeadline(60_000);

    expect(deadline.remainingMs()).toBeGreaterThan(50_000);
    expect(deadline.remainingMs()).toBeLessThanOrEqual(60_000);
  });
});

it.each([
  [2_500, undefined, 2_500],
  [2_500, 800, 800],
  [2_500, 9_000, 2_500],
  [2_500, 0, 0],
  [2_500, -3, 0],
])('a budget of %d ms with a caller who waits %s ms is %d ms', (budgetMs, callerMs, expected) => {
  expect(callBudgetMs(budgetMs, callerMs)).toBe(expected);
});
