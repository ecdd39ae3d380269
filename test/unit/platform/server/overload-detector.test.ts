import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOverloadDetector, type OverloadDetector } from '#services/platform/server/overload-detector.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** So many calls come and end a second, evenly, for a time. */
function pass(watch: OverloadDetector, ms: number, comeRate: number, endRate: number): void {
  let [due, over] = [0, 0];
  for (let now = 0; now < ms; now += 1) {
    for (due += comeRate / 1_000; due >= 1; due -= 1) watch.came();
    for (over += endRate / 1_000; over >= 1; over -= 1) watch.ended();
    vi.advanceTimersByTime(1);
  }
}

describe('an overload', () => {
  it('is noticed once all places were taken for some time and far more calls come than are served', () => {
    const watch = createOverloadDetector(600);
    watch.note(true);

    pass(watch, 400, 540, 60);
    expect(watch.isOverloaded()).toBe(false);
    expect(watch.isPressed()).toBe(true);
    pass(watch, 50, 540, 60);
    expect(watch.isOverloaded()).toBe(true);
  });

  it('lasts while a place comes free now and then', () => {
    const watch = createOverloadDetector(600);
    watch.note(true);
    pass(watch, 1_000, 540, 60);

    for (let time = 0; time < 20; time += 1) {
      watch.note(false);
      pass(watch, 20, 540, 60);
      watch.note(true);
      pass(watch, 100, 540, 60);
      expect(watch.isOverloaded()).toBe(true);
    }
  });

  it('is over when places stay free', () => {
    const watch = createOverloadDetector(600);
    watch.note(true);
    pass(watch, 5_000, 540, 60);

    watch.note(false);
    expect(watch.isPressed()).toBe(false);
    pass(watch, 450, 540, 60);

    expect(watch.isOverloaded()).toBe(false);
  });

  it('is over when no more come than are served, though all places are taken', () => {
    const watch = createOverloadDetector(600);
    watch.note(true);
    pass(watch, 5_000, 540, 60);

    pass(watch, 600, 60, 60);

    expect(watch.isOverloaded()).toBe(false);
    expect(watch.isPressed()).toBe(false);
  });
});

it('is noticed later by a watch with a longer memory', () => {
  const [short, long] = [createOverloadDetector(600), createOverloadDetector(6_000)];
  short.note(true);
  pass(short, 500, 540, 60);
  expect(short.isOverloaded()).toBe(true);
  long.note(true);
  pass(long, 4_000, 540, 60);
  expect(long.isOverloaded()).toBe(false);
  pass(long, 500, 540, 60);
  expect(long.isOverloaded()).toBe(true);
});

describe('no overload', () => {
  it('is a service with free places, however many come', () => {
    const watch = createOverloadDetector(600);
    pass(watch, 2_000, 5_000, 1_000);

    expect(watch.isOverloaded()).toBe(false);
  });

  it('is a burst that takes long to serve, for those who come meanwhile', () => {
    const watch = createOverloadDetector(600);
    for (let call = 0; call < 100; call += 1) watch.came();
    watch.note(true);

    pass(watch, 500, 10, 70);

    for (let time = 0; time < 9; time += 1) {
      pass(watch, 100, 10, 70);
      expect(watch.isOverloaded()).toBe(false);
    }
  });

  it('are many callers who each wait for their answer before they call again', () => {
    const watch = createOverloadDetector(600);
    for (let call = 0; call < 64; call += 1) watch.came();
    watch.note(true);
    pass(watch, 500, 60, 60);

    for (let time = 0; time < 20; time += 1) {
      pass(watch, 100, 60, 60);
      expect(watch.isOverloaded()).toBe(false);
    }
  });

  it('are a few who come while few calls take long', () => {
    const watch = createOverloadDetector(600);
    watch.note(true);
    vi.advanceTimersByTime(3_000);
    for (let call = 0; call < 4; call += 1) watch.came();

    expect(watch.isOverloaded()).toBe(false);
  });
});
