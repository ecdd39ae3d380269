// The output of the fault matrix: a line for each cell, a summary, and JSON. Pure.
import type { Cell, SkippedCell } from './cells.ts';
import { type CellResult, judgeCell, LIMIT_MS } from './judge.ts';

export type MatrixReport = {
  readonly seed: number;
  readonly seconds: number;
  readonly results: readonly CellResult[];
  readonly skipped: readonly SkippedCell[];
  readonly notRun: readonly Pick<Cell, 'name'>[];
  /** The violations of invariants at the end. */
  readonly violations: readonly string[];
};

type Row = readonly [string, string, string, string, string, string, string, string, string, string];

const WIDTHS = [10, 26, 10, 4, 18, 24, 11, 8, 4, 18] as const;
const NUMBERS = new Set([7, 8]);
const HEAD: Row = ['dependency', 'fault', 'on', 'way', 'outcome', 'reason', 'order', 'answered', 'hits', 'end'];

/** Renders the header line. */
export function renderHead(): string {
  return renderCells(HEAD);
}

/** Renders a cell, followed by its problems. */
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
  const problems = judgeCell(result);
  return problems.length === 0 ? line : [`${line}  <== RED`, ...problems.map((problem) => `    ${problem}`)].join('\n');
}

/** Renders the skipped, red and not run cells, and the summary. */
export function renderSummary(report: MatrixReport): string {
  const { results, notRun, skipped, violations, seconds, seed } = report;
  const red = results.filter(isRed);
  const slowest = results.reduce((max, { tookMs }) => Math.max(max, tookMs), 0);
  return [
    ...section('skipped:', renderSkipped(skipped)),
    ...section(
      'red:',
      red.map(({ cell }) => cell.name),
    ),
    ...section(
      'not run:',
      notRun.map(({ name }) => name),
    ),
    ...section('violated at the end:', violations),
    `${results.length} cells in ${Math.round(seconds)} s: ${results.length - red.length} green, ${red.length} red` +
      `${notRun.length > 0 ? `, ${notRun.length} not run` : ''}; slowest answer ${Math.round(slowest)} ms of ${LIMIT_MS} ms; ` +
      `${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}; seed ${seed}`,
  ].join('\n');
}

/** Whether every cell was run and is green. */
export function isGreen({ results, notRun, violations }: MatrixReport): boolean {
  return results.length > 0 && notRun.length === 0 && violations.length === 0 && !results.some(isRed);
}

/** Renders the report as JSON, with the problems of each cell. */
export function toJson(report: MatrixReport): string {
  const results = report.results.map((result) => ({ ...result, problems: judgeCell(result) }));
  return `${JSON.stringify({ ...report, results, isGreen: isGreen(report) }, null, 2)}\n`;
}

function isRed(result: CellResult): boolean {
  return judgeCell(result).length > 0;
}

function describeResponse(response: CellResult['response']): [string, string, string] {
  if (response === undefined) return ['not run', '', ''];
  if ('code' in response) return [`error ${response.code}`, response.reason ?? '-', ''];
  return [response.outcome, response.reason === 'UNSPECIFIED' ? '' : response.reason, response.status];
}

/** Renders a line for each reason, with the cells skipped for it. */
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
