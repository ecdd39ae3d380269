import { describe, expect, it } from 'vitest';
import { type BaselineLatency, createBaselineLatency } from '#services/platform/server/baseline-latency.ts';

const WINDOW_SIZE = 10;

function sample(baseline: BaselineLatency, calls: number, serviceMs: number, isUnloaded: boolean): void {
  for (let call = 0; call < calls; call += 1) baseline.onSample({ method: 'GetOrder', serviceMs, isUnloaded });
}

describe('the baseline latency of a method', () => {
  it('is undefined before the first sample, then their average', () => {
    const baseline = createBaselineLatency();
    expect(baseline.of('GetOrder')).toBeUndefined();

    baseline.onSample({ method: 'GetOrder', serviceMs: 40, isUnloaded: true });
    baseline.onSample({ method: 'GetOrder', serviceMs: 20, isUnloaded: false });

    expect(baseline.of('GetOrder')).toBe(30);
    expect(baseline.of('ListOrders')).toBeUndefined();
  });

  it('falls to the average of a window, even under load', () => {
    const baseline = createBaselineLatency();
    sample(baseline, WINDOW_SIZE, 80, true);
    sample(baseline, WINDOW_SIZE, 30, false);

    expect(baseline.of('GetOrder')).toBe(30);
  });

  it('does not fall to a single short sample', () => {
    const baseline = createBaselineLatency();
    sample(baseline, WINDOW_SIZE, 30, true);
    sample(baseline, 1, 3, false);
    sample(baseline, WINDOW_SIZE - 1, 40, false);

    expect(baseline.of('GetOrder')).toBe(30);
  });

  it('rises step by step by unloaded windows', () => {
    const baseline = createBaselineLatency();
    sample(baseline, WINDOW_SIZE, 30, true);

    sample(baseline, WINDOW_SIZE, 60, true);
    expect(baseline.of('GetOrder')).toBe(39);
    sample(baseline, 20 * WINDOW_SIZE, 60, true);
    expect(baseline.of('GetOrder')).toBeCloseTo(60, 0);
  });

  it.each([0, 5, WINDOW_SIZE - 1])('never rises by a window whose call %i was under load', (position) => {
    const baseline = createBaselineLatency();
    sample(baseline, WINDOW_SIZE, 30, true);
    for (let row = 0; row < 50; row += 1) {
      sample(baseline, position, 60, true);
      sample(baseline, 1, 60, false);
      sample(baseline, WINDOW_SIZE - 1 - position, 60, true);
    }

    expect(baseline.of('GetOrder')).toBe(30);
  });

  it('is at least a millisecond, because smaller differences are noise', () => {
    const baseline = createBaselineLatency();
    sample(baseline, WINDOW_SIZE, 0, true);

    expect(baseline.of('GetOrder')).toBe(1);
  });
});
