// The counting behind the table that ends every run.
import { describe, expect, it } from 'vitest';
import { buildPyramid, drawPyramid, findFaults, type Level, type RanTest } from '../../support/pyramid/pyramid.ts';

const NO_TIME = { unit: 0, integration: 0, contract: 0, e2e: 0 };

function declare(level: Level, count: number): RanTest[] {
  return Array.from({ length: count }, (_, index) => ({
    level,
    file: `/test/${level}/a.test.ts`,
    line: index + 1,
    column: 3,
  }));
}

function declareAll(counts: Record<Level, number>): RanTest[] {
  return (['unit', 'integration', 'contract', 'e2e'] as const).flatMap((level) => declare(level, counts[level]));
}

describe('buildPyramid', () => {
  it('counts each declaration of each level once', () => {
    const rows = buildPyramid(declareAll({ unit: 13, integration: 4, contract: 2, e2e: 1 }), NO_TIME);

    expect(rows.map((row) => [row.level, row.tests, row.share])).toEqual([
      ['unit', 13, 65],
      ['integration', 4, 20],
      ['contract', 2, 10],
      ['e2e', 1, 5],
    ]);
  });

  it('counts the cases of a table as one test', () => {
    const place = { level: 'unit', file: '/test/unit/a.test.ts', line: 7, column: 5 } as const;

    const rows = buildPyramid([place, { ...place }, { ...place }], NO_TIME);

    expect(rows[0]?.tests).toBe(1);
  });

  it('distinguishes tests on the same line of two files, and two on one line', () => {
    const place = { level: 'unit', file: '/test/unit/a.test.ts', line: 7, column: 5 } as const;

    const rows = buildPyramid([place, { ...place, file: '/test/unit/b.test.ts' }, { ...place, column: 40 }], NO_TIME);

    expect(rows[0]?.tests).toBe(3);
  });

  it('includes both ends of a band', () => {
    const rows = [
      ...buildPyramid(declareAll({ unit: 60, integration: 20, contract: 10, e2e: 10 }), NO_TIME),
      ...buildPyramid(declareAll({ unit: 70, integration: 15, contract: 10, e2e: 5 }), NO_TIME),
    ];

    expect(rows.filter((row) => !row.inBand)).toMatchObject([{ level: 'integration', share: 15 }]);
  });

  it('shows empty levels as zero when nothing ran', () => {
    const rows = buildPyramid([], NO_TIME);

    expect(rows.map((row) => row.share)).toEqual([0, 0, 0, 0]);
  });
});

describe('findFaults', () => {
  it('returns nothing when every level is in its band', () => {
    const rows = buildPyramid(declareAll({ unit: 65, integration: 20, contract: 10, e2e: 5 }), NO_TIME);

    expect(findFaults(rows)).toEqual([]);
  });

  it('names each level outside its band, with its share and its band', () => {
    const rows = buildPyramid(declareAll({ unit: 50, integration: 30, contract: 12, e2e: 8 }), NO_TIME);

    expect(findFaults(rows)).toEqual([
      'unit tests are 50.0 % of all, outside 60-70 %',
      'integration tests are 30.0 % of all, outside 20-25 %',
    ]);
  });
});

describe('drawPyramid', () => {
  it('draws one line per level with its share, band and seconds, then the sums', () => {
    const rows = buildPyramid(declareAll({ unit: 65, integration: 20, contract: 13, e2e: 2 }), {
      unit: 1.24,
      integration: 20,
      contract: 3,
      e2e: 60.5,
    });

    expect(drawPyramid(rows, true).split('\n')).toEqual([
      '  level         tests    share   band           seconds',
      '  unit             65   65.0 %   60-70 %            1.2',
      '  integration      20   20.0 %   20-25 %           20.0',
      '  contract         13   13.0 %   10-15 %            3.0',
      '  e2e               2    2.0 %   5-10 % (out)      60.5',
      '  all             100                              84.7',
    ]);
  });

  it('does not check the shares of a filtered run', () => {
    const rows = buildPyramid(declare('unit', 3), NO_TIME);

    expect(drawPyramid(rows, false)).toMatch(/unit +3 +100\.0 % +60-70 % +0\.0\n/);
  });
});
