import { describe, expect, it } from 'vitest';
import { countViolations, longestGap, renderKill } from '../../chaos/cluster/report.ts';
import { readClusterSettings } from '../../chaos/cluster/settings.ts';
import type { Verdict } from '../../support/invariants/judge.ts';

const violated = (name: string, violationCount: number): Verdict => ({
  name,
  promise: '',
  state: 'violated',
  counts: {},
  violations: [],
  violationCount,
});

describe('the report of the cluster test', () => {
  it.each([
    ['no order was accepted', [], 50],
    ['orders came often', [60, 62, 75, 88], 13],
    ['the gap is at the beginning', [90, 92], 40],
    ['the gap is at the end', [51, 60, 63], 37],
    ['orders outside do not count, in whatever order they are', [99, 10, 120, 55], 44],
  ])('has the longest time without an accepted order when %s', (_case, acceptedMs, expected) => {
    expect(longestGap(acceptedMs, 50, 100)).toBe(expected);
  });

  it('counts a second effect as doubled and everything else that is wrong as lost', () => {
    expect(
      countViolations([violated('charged-once', 2), violated('mailed-once', 1), violated('answers-durable', 3)]),
    ).toEqual({
      lost: 3,
      doubled: 3,
    });
    expect(countViolations([])).toEqual({ lost: 0, doubled: 0 });
  });

  it('has a line for each kill', () => {
    expect(renderKill('order-2', 5_140, 640)).toBe(
      'order-2                                    recovered in   5.1 s, at most   0.6 s without an accepted order',
    );
  });
});

describe('the command line of the cluster test', () => {
  it('has defaults, and takes what is given', () => {
    expect(readClusterSettings([])).toEqual({ rate: 5, pauseMs: 2_000, only: '', logFile: undefined });
    expect(readClusterSettings(['--rate', '9', '--pause', '0', '--only', 'broker', '--log', 'x'])).toEqual({
      rate: 9,
      pauseMs: 0,
      only: 'broker',
      logFile: 'x',
    });
    expect(readClusterSettings(['--help'])).toBeUndefined();
  });

  it.each([
    [['--rate', '0'], '--rate: 0 is not a whole number from 1 to 50'],
    [['--rate', 'many'], '--rate: many is not a whole number from 1 to 50'],
    [['--pause', '61'], '--pause: 61 is not a whole number from 0 to 60'],
    [['--nothing'], "Unknown option '--nothing'"],
  ])('refuses %j', (given, message) => {
    expect(() => readClusterSettings(given)).toThrow(message);
  });
});
