import { expect, it } from 'vitest';
import { createRestartDelay } from '#local/process/restart-delay.ts';

it('grows from 250 ms to 8 s and stays there', () => {
  const delays = createRestartDelay();

  expect(Array.from({ length: 8 }, () => delays.next(0))).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

it('starts again at 250 ms after five seconds of health, not before', () => {
  const delays = createRestartDelay();
  delays.next(0);

  expect(delays.next(4_999)).toBe(500);
  expect(delays.next(5_000)).toBe(250);
});
