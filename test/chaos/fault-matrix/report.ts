// The matrix as people read it, a line a cell as it goes, and as a program reads it. Pure.
import type { Cell, SkippedCell } from './cells.ts';
import { type CellResult, judgeCell, LIMIT_MS } from './judge.ts';

export type MatrixReport = {
  readonly seed: number;
  readonly seconds: number;
  readonly results: readonly CellResult[];
  readonly skipped: readonly SkippedCell[];
  readonly notRun: readonly Pick<Cell, 'name'>[];
  /** What does not hold at the end, one sentence each. */
  readonly violations: readonly string[];
};

type Row = readonly [string, string, string, string, string, string, string, string, string, string];

const WIDTHS = [10, 26, 10, 4, 18, 24, 11, 8, 4, 18] as const;
const NUMBERS = new Set([7, 8]);
const HEAD: Row = ['dependency', 'fault', 'on', 'way', 'outcome', 'reason', 'order', 'answered', 'hits', 'end'];

/** The line above the cells. */
export function renderHead(): string {
  return renderCells(HEAD);
}

/** A cell in a line, and below it what is wrong with it. */
export function renderResult(result: CellResult): string {
  const { cell, response, tookMs, hits, end } = result;
  const line = renderCells([
    cell.dependency,
    cell.fault,
    cell.scope,
    cell.way === 'own' ? '' : cell.way,
    ...describeResponse(response),
    response === undefined ? '-' : `${Math.round(tookMs)} ms`,
    String(hits),
    end === undefined ? '-' : `${end.status} +${Math.round(end.afterMs)} ms`,
  ]);
  const faults = judgeCell(result);
  return faults.length === 0 ? line : [`${line}  <== RED`, ...faults.map((fault) => `    ${fault}`)].join('\n');
}

/** What is left out, what is red, and the sums. */
export function renderSummary(report: MatrixReport): string {
  const { results, notRun, skipped, violations, seconds, seed } = report;
  const red = results.filter(isRed);
  const slowest = results.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
  return [
    ...section('left out:', renderSkipped(skipped)),
    ...section(
      'red:',
      red.map(({ cell }) => cell.name),
    ),
    ...section(
      'not run:',
      notRun.map(({ name }) => name),
    ),
    ...section('does not hold at the end:', violations),
    `${results.length} cells in ${Math.round(seconds)} s: ${results.length - red.length} green, ${red.length} red` +
      `${notRun.length > 0 ? `, ${notRun.length} not run` : ''}; slowest answer ${Math.round(slowest)} ms of ${LIMIT_MS} ms; ` +
      `${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}; seed ${seed}`,
  ].join('\n');
}

/** Whether everything was tried and is as promised. */
export function isGreen({ results, notRun, violations }: MatrixReport): boolean {
  return results.length > 0 && notRun.length === 0 && violations.length === 0 && !results.some(isRed);
}

/** The report for a program, with what is wrong beside each cell. */
export function toJson(report: MatrixReport): string {
  const results = report.results.map((result) => ({ ...result, faults: judgeCell(result) }));
  return `${JSON.stringify({ ...report, results, isGreen: isGreen(report) }, null, 2)}\n`;
}

function isRed(result: CellResult): boolean {
  return judgeCell(result).length > 0;
}

function describeResponse(response: CellResult['response']): [string, string, string] {
  if (response === undefined) return ['not tried', '', ''];
  if ('code' in response) return [`error ${response.code}`, response.reason ?? '-', ''];
  return [response.outcome, response.reason === 'UNSPECIFIED' ? '' : response.reason, response.status];
}

/** A line a reason, with all it leaves out. */
function renderSkipped(skipped: readonly SkippedCell[]): string[] {
  const names = Map.groupBy(skipped, ({ reason }) => reason);
  return [...names].map(([reason, left]) => `${reason}: ${left.map(({ name }) => name).join(', ')}`);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function renderCells(cells: Row): string {
  return cells
    .map((text, column) =>
      NUMBERS.has(column) ? text.padStart(WIDTHS[column] ?? 0) : text.padEnd(WIDTHS[column] ?? 0),
    )
    .join('  ')
    .trimEnd();
}
