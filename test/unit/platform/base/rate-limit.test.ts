import { expect, it } from 'vitest';
import { createRateLimit } from '#services/platform/base/rate-limit.ts';

function limitAt(perSecond: number, burst: number) {
  const clock = { ms: 5_000 };
  const take = createRateLimit({ perSecond, burst, now: () => clock.ms });
  return { clock, takeMany: (count: number) => Array.from({ length: count }, take).filter(Boolean).length };
}

it('takes a burst, and no more at that time', () => {
  const { takeMany } = limitAt(10, 4);
  expect(takeMany(20)).toBe(4);
});

it('takes one more after each interval', () => {
  const { clock, takeMany } = limitAt(10, 4);
  takeMany(20);
  clock.ms += 99;
  expect(takeMany(5)).toBe(0);
  clock.ms += 1;
  expect(takeMany(5)).toBe(1);
});

it('takes a whole burst again after a pause, not more for a longer one', () => {
  const { clock, takeMany } = limitAt(10, 4);
  takeMany(20);
  clock.ms += 60_000;
  expect(takeMany(20)).toBe(4);
});

it('takes what comes steadily at the limit', () => {
  const { clock, takeMany } = limitAt(50, 1);
  let taken = 0;
  for (let tick = 0; tick < 100; tick += 1) {
    taken += takeMany(1);
    clock.ms += 20;
  }
  expect(taken).toBe(100);
});
