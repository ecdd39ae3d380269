// The table that ends `make mutation`. Pure.
import type { Judgement } from './judge.ts';

export type Row = Judgement & { readonly name: string; readonly seconds: number };

/** Renders a line for each group, and one with the sums. */
export function renderTable(rows: readonly Row[]): string {
  const sum = (count: (row: Row) => number): number => rows.reduce((total, row) => total + count(row), 0);
  const [tested, noticed] = [sum((row) => row.tested), sum((row) => row.noticed)];
  const cells = [
    ['group', 'mutants', 'noticed', 'survived', 'score', 'seconds'],
    ...rows.map((row) => toCells(row.name, row)),
    toCells('all', {
      tested,
      noticed,
      survived: sum((row) => row.survived),
      score: tested === 0 ? 0 : (100 * noticed) / tested,
      seconds: sum((row) => row.seconds),
    }),
  ];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) =>
      line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
    )
    .map((line) => `  ${line.join('   ')}`)
    .join('\n');
}

function toCells(name: string, row: Omit<Row, 'name' | 'problems'>): string[] {
  const { tested, noticed, survived, score, seconds } = row;
  return [name, String(tested), String(noticed), String(survived), `${score.toFixed(1)} %`, seconds.toFixed(0)];
}
