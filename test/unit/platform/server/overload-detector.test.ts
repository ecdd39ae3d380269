import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOverloadDetector, type OverloadDetector } from '#services/platform/server/overload-detector.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Calls arrive and complete evenly, at these rates a second, for a time. */
function pass(detector: OverloadDetector, ms: number, arrivalRate: number, completionRate: number): void {
  let [due, over] = [0, 0];
  for (let now = 0; now < ms; now += 1) {
    for (due += arrivalRate / 1_000; due >= 1; due -= 1) detector.onArrival();
    for (over += completionRate / 1_000; over >= 1; over -= 1) detector.onCompletion();
    vi.advanceTimersByTime(1);
  }
}

describe('an overload', () => {
  it('is detected once all slots were taken for some time and far more calls arrive than complete', () => {
    const detector = createOverloadDetector(600);
    detector.setSaturated(true);

    pass(detector, 400, 540, 60);
    expect(detector.isOverloaded()).toBe(false);
    expect(detector.isOverloadedNow()).toBe(true);
    pass(detector, 50, 540, 60);
    expect(detector.isOverloaded()).toBe(true);
  });

  it('lasts while a slot becomes free now and then', () => {
    const detector = createOverloadDetector(600);
    detector.setSaturated(true);
    pass(detector, 1_000, 540, 60);

    for (let time = 0; time < 20; time += 1) {
      detector.setSaturated(false);
      pass(detector, 20, 540, 60);
      detector.setSaturated(true);
      pass(detector, 100, 540, 60);
      expect(detector.isOverloaded()).toBe(true);
    }
  });

  it('ends when slots stay free', () => {
    const detector = createOverloadDetector(600);
    detector.setSaturated(true);
    pass(detector, 5_000, 540, 60);

    detector.setSaturated(false);
    expect(detector.isOverloadedNow()).toBe(false);
    pass(detector, 450, 540, 60);

    expect(detector.isOverloaded()).toBe(false);
  });

  it('ends when no more calls arrive than complete, even if all slots are taken', () => {
    const detector = createOverloadDetector(600);
    detector.setSaturated(true);
    pass(detector, 5_000, 540, 60);

    pass(detector, 600, 60, 60);

    expect(detector.isOverloaded()).toBe(false);
    expect(detector.isOverloadedNow()).toBe(false);
  });
});

it('is detected later with a longer memory', () => {
  const [short, long] = [createOverloadDetector(600), createOverloadDetector(6_000)];
  short.setSaturated(true);
  pass(short, 500, 540, 60);
  expect(short.isOverloaded()).toBe(true);
  long.setSaturated(true);
  pass(long, 4_000, 540, 60);
  expect(long.isOverloaded()).toBe(false);
  pass(long, 500, 540, 60);
  expect(long.isOverloaded()).toBe(true);
});

describe('no overload', () => {
  it('is a service with free slots, at any arrival rate', () => {
    const detector = createOverloadDetector(600);
    pass(detector, 2_000, 5_000, 1_000);

    expect(detector.isOverloaded()).toBe(false);
  });

  it('is a burst that takes long to serve', () => {
    const detector = createOverloadDetector(600);
    for (let call = 0; call < 100; call += 1) detector.onArrival();
    detector.setSaturated(true);

    pass(detector, 500, 10, 70);

    for (let time = 0; time < 9; time += 1) {
      pass(detector, 100, 10, 70);
      expect(detector.isOverloaded()).toBe(false);
    }
  });

  it('are many callers that each wait for their answer before the next call', () => {
    const detector = createOverloadDetector(600);
    for (let call = 0; call < 64; call += 1) detector.onArrival();
    detector.setSaturated(true);
    pass(detector, 500, 60, 60);

    for (let time = 0; time < 20; time += 1) {
      pass(detector, 100, 60, 60);
      expect(detector.isOverloaded()).toBe(false);
    }
  });

  it('are a few arrivals while a few calls take long', () => {
    const detector = createOverloadDetector(600);
    detector.setSaturated(true);
    vi.advanceTimersByTime(3_000);
    for (let call = 0; call < 4; call += 1) detector.onArrival();

    expect(detector.isOverloaded()).toBe(false);
  });
});
