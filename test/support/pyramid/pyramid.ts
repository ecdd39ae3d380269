// The shape of the test suite: counts `it` declarations by level, compares each level's share with its band, draws the table.
// Pure: reporter.ts passes in a run's tests and acts on the result.

export const LEVELS = ['unit', 'integration', 'contract', 'e2e'] as const;
export type Level = (typeof LEVELS)[number];

/** Shares of all tests, in percent, both ends included. */
const BANDS: Record<Level, { from: number; to: number }> = {
  unit: { from: 60, to: 70 },
  integration: { from: 20, to: 25 },
  contract: { from: 10, to: 15 },
  e2e: { from: 5, to: 10 },
};

/** One test that ran, and the location of its `it`. The rows of a table share it. */
export type RanTest = {
  readonly level: Level;
  readonly file: string;
  readonly line: number;
  readonly column: number;
};

export type PyramidRow = {
  readonly level: Level;
  readonly tests: number;
  /** Percent of all tests, unrounded. */
  readonly share: number;
  readonly inBand: boolean;
  readonly seconds: number;
};

/**
 * Counts declarations and computes shares.
 * @param tests every test that ran; those at one location count as one
 * @param secondsByLevel the time spent in each level's files, in seconds
 * @returns one row per level, from the base of the pyramid to its tip
 */
export function buildPyramid(tests: readonly RanTest[], secondsByLevel: Record<Level, number>): PyramidRow[] {
  const counts = countDeclarations(tests);
  const total = LEVELS.reduce((sum, level) => sum + counts[level], 0);
  return LEVELS.map((level) => {
    const share = total === 0 ? 0 : (100 * counts[level]) / total;
    const { from, to } = BANDS[level];
    return { level, tests: counts[level], share, inBand: share >= from && share <= to, seconds: secondsByLevel[level] };
  });
}

function countDeclarations(tests: readonly RanTest[]): Record<Level, number> {
  const places: Record<Level, Set<string>> = {
    unit: new Set(),
    integration: new Set(),
    contract: new Set(),
    e2e: new Set(),
  };
  for (const { level, file, line, column } of tests) places[level].add(`${file}:${line}:${column}`);
  return {
    unit: places.unit.size,
    integration: places.integration.size,
    contract: places.contract.size,
    e2e: places.e2e.size,
  };
}

/**
 * Draws the rows as a table for a terminal, one line per level and a last line with the sums.
 * @param isWhole whether all tests ran; the shares of a filtered run cannot be compared with the bands
 */
export function drawPyramid(rows: readonly PyramidRow[], isWhole: boolean): string {
  const lines = rows.map((row) => {
    const { from, to } = BANDS[row.level];
    const band = `${from}-${to} %${row.inBand || !isWhole ? '' : ' (out)'}`;
    return [row.level, String(row.tests), `${row.share.toFixed(1)} %`, band, row.seconds.toFixed(1)];
  });
  const tests = rows.reduce((sum, row) => sum + row.tests, 0);
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  const table = [
    ['level', 'tests', 'share', 'band', 'seconds'],
    ...lines,
    ['all', String(tests), '', '', seconds.toFixed(1)],
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((cells) => (cells[column] ?? '').length)));
  return table
    .map((cells) =>
      cells.map((cell, column) =>
        column % 3 === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      ),
    )
    .map((cells) => `  ${cells.join('   ').trimEnd()}`)
    .join('\n');
}

/** Returns one sentence for each level outside its band. */
export function findFaults(rows: readonly PyramidRow[]): string[] {
  return rows
    .filter((row) => !row.inBand)
    .map((row) => {
      const { from, to } = BANDS[row.level];
      return `${row.level} tests are ${row.share.toFixed(1)} % of all, outside ${from}-${to} %`;
    });
}
