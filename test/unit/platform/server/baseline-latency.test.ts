import { describe, expect, it } from 'vitest';
import { type BaselineLatency, createBaselineLatency } from '#services/platform/server/baseline-latency.ts';

const IN_A_ROW = 10;

function learn(times: BaselineLatency, calls: number, serviceMs: number, isAlone: boolean): void {
  for (let call = 0; call < calls; call += 1) times.learn({ kind: 'GetOrder', serviceMs, isAlone });
}

describe('the undisturbed time of a kind of call', () => {
  it('is not known before the first, then is the average of those there were', () => {
    const times = createBaselineLatency();
    expect(times.of('GetOrder')).toBeUndefined();

    times.learn({ kind: 'GetOrder', serviceMs: 40, isAlone: true });
    times.learn({ kind: 'GetOrder', serviceMs: 20, isAlone: false });

    expect(times.of('GetOrder')).toBe(30);
    expect(times.of('ListOrders')).toBeUndefined();
  });

  it('becomes the shorter average of a few in a row, however many are at work', () => {
    const times = createBaselineLatency();
    learn(times, IN_A_ROW, 80, true);
    learn(times, IN_A_ROW, 30, false);

    expect(times.of('GetOrder')).toBe(30);
  });

  it('does not become a single short one', () => {
    const times = createBaselineLatency();
    learn(times, IN_A_ROW, 30, true);
    learn(times, 1, 3, false);
    learn(times, IN_A_ROW - 1, 40, false);

    expect(times.of('GetOrder')).toBe(30);
  });

  it('grows longer step by step by calls that were alone', () => {
    const times = createBaselineLatency();
    learn(times, IN_A_ROW, 30, true);

    learn(times, IN_A_ROW, 60, true);
    expect(times.of('GetOrder')).toBe(39);
    learn(times, 20 * IN_A_ROW, 60, true);
    expect(times.of('GetOrder')).toBeCloseTo(60, 0);
  });

  it('never grows longer when one of a few in a row was not alone', () => {
    const times = createBaselineLatency();
    learn(times, IN_A_ROW, 30, true);
    for (let row = 0; row < 50; row += 1) {
      learn(times, IN_A_ROW - 1, 60, true);
      learn(times, 1, 60, false);
    }

    expect(times.of('GetOrder')).toBe(30);
  });

  it('is at least a millisecond: below that a difference is none', () => {
    const times = createBaselineLatency();
    learn(times, IN_A_ROW, 0, true);

    expect(times.of('GetOrder')).toBe(1);
  });
});
