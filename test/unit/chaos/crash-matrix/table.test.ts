import { describe, expect, it } from 'vitest';
import type { Row } from '../../../chaos/crash-matrix/points.ts';
import { isRed, type RowResult, renderHead, renderRow, renderSummary } from '../../../chaos/crash-matrix/table.ts';

const row: Row = {
  service: 'order',
  phase: 'before',
  kind: 'ack',
  origin: 'handle StockReserved',
  name: 'StockReserved',
  step: 'approved',
  idle: false,
};
const green: RowResult = { row, died: true, recoveredMs: 1234.4, broken: [], problems: [] };

describe('isRed', () => {
  it('is false when the process died at the point and everything holds', () => {
    expect(isRed(green)).toBe(false);
  });

  it.each<[string, Partial<RowResult>]>([
    ['no process died', { died: false }],
    ['an invariant is broken', { broken: ['stock-sold'] }],
    ['the invariants could not be judged', { broken: undefined }],
    ['anything else is wrong', { problems: ['payment died 1 times'] }],
  ])('is true when %s', (_, change) => {
    expect(isRed({ ...green, ...change })).toBe(true);
  });
});

describe('renderRow', () => {
  it('puts service, phase, death, recovery, invariants and point below their heads', () => {
    const [head, line] = [renderHead(), renderRow(green, '7/232')];
    for (const [title, cell] of [
      ['service', 'order'],
      ['phase', 'before'],
      ['died', 'yes'],
      ['invariants', 'hold'],
      ['point', 'ack handle StockReserved: StockReserved'],
    ] as const) {
      expect(line.indexOf(cell, 7)).toBe(head.indexOf(title));
    }
    expect(line).toContain('7/232');
    expect(line).toContain('1234 ms');
    expect(line).not.toContain('RED');
  });

  it('lists what is wrong below a red row, as far as it is readable', () => {
    const problems = Array.from({ length: 14 }, (_, index) => `fault ${index}`);
    const lines = renderRow(
      { ...green, died: false, recoveredMs: undefined, broken: ['a', 'b'], problems },
      '1/1',
    ).split('\n');
    expect(lines[0]).toMatch(/NO\s+-\s+2 BROKEN\s+ack .*RED$/);
    expect(lines.slice(1).map((line) => line.trim())).toEqual([...problems.slice(0, 12), 'and 2 more']);
  });
});

describe('renderSummary', () => {
  it('counts green, red and not run, names the last two, and tells how long recovery took', () => {
    const red = { ...green, row: { ...row, phase: 'after' as const }, recoveredMs: 5000, broken: ['stock-sold'] };
    const summary = renderSummary([green, red], [{ ...row, service: 'payment' }], 12.3).split('\n');
    expect(summary).toEqual([
      'red:',
      '  order after ack handle StockReserved: StockReserved',
      'not run:',
      '  payment before ack handle StockReserved: StockReserved',
      '2 rows in 12 s: 1 green, 1 red, 1 not run; recovered in 5000 ms (median), 5000 ms (longest)',
    ]);
  });

  it('is one line when all is green', () => {
    expect(renderSummary([green], [], 3)).toBe(
      '1 rows in 3 s: 1 green, 0 red; recovered in 1234 ms (median), 1234 ms (longest)',
    );
  });
});
