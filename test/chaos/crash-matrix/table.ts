// The matrix as people read it: a line a row as it goes, what is wrong below it, and a summary. Pure.
import type { ServiceName } from '#local/shared/topology.ts';
import { formatOperation, type OperationKind } from './labels.ts';
import type { Row } from './points.ts';

export type RowResult = {
  readonly row: Row;
  /** Whether the process died at the row's point. */
  readonly died: boolean;
  /** From its death to a platform at rest, in milliseconds; undefined when it did not die or nothing came to rest. */
  readonly recoveredMs: number | undefined;
  /** The invariants that do not hold; undefined when they could not be judged. */
  readonly broken: readonly string[] | undefined;
  /** Everything that is wrong, one sentence each. */
  readonly problems: readonly string[];
};

const SERVICE_WIDTH = 12;
const PHASE_WIDTH = 6;
const DIED_WIDTH = 4;
const RECOVERED_WIDTH = 9;
const INVARIANTS_WIDTH = 10;
const MAX_PROBLEMS = 12;

/** Whether a row shows a fault. */
export function isRed({ died, broken, problems }: RowResult): boolean {
  return !died || broken === undefined || broken.length > 0 || problems.length > 0;
}

/** The line above the rows. */
export function renderHead(): string {
  return renderCells('row', 'service', 'phase', 'died', 'recovered', 'invariants', 'point');
}

/** One row, and below it what is wrong with it. */
export function renderRow(result: RowResult, position: string): string {
  const { row, died, recoveredMs, broken } = result;
  const line = renderCells(
    position,
    row.service,
    row.phase,
    died ? 'yes' : 'NO',
    recoveredMs === undefined ? '-' : `${Math.round(recoveredMs)} ms`,
    renderInvariants(broken),
    formatOperation(row),
  );
  if (!isRed(result)) return line;
  const more = result.problems.length - MAX_PROBLEMS;
  return [
    `${line}   <== RED`,
    ...result.problems.slice(0, MAX_PROBLEMS).map((fault) => `        ${fault}`),
    ...(more > 0 ? [`        and ${more} more`] : []),
  ].join('\n');
}

/** A point as `--list` shows it. */
export function renderPoint(row: Pick<Row, 'service' | 'kind' | 'origin' | 'name' | 'step'>): string {
  return `${row.service.padEnd(SERVICE_WIDTH)}  ${formatOperation(row)}   [${row.step}]`;
}

/** How many points there are, by service and kind. */
export function renderCounts(counts: ReadonlyMap<ServiceName, ReadonlyMap<OperationKind, number>>): string {
  return [...counts]
    .map(([service, kinds]) => {
      const total = [...kinds.values()].reduce((sum, count) => sum + count, 0);
      const steps = [...kinds].filter(([, count]) => count > 0).map(([kind, count]) => `${kind} ${count}`);
      return `  ${service.padEnd(SERVICE_WIDTH)}  ${String(total).padStart(3)} points: ${steps.join(', ')}`;
    })
    .join('\n');
}

/** The last lines: what was run, what is red, and what was not run at all. */
export function renderSummary(results: readonly RowResult[], notRun: readonly Row[], seconds: number): string {
  const red = results.filter(isRed);
  const recovered = results.flatMap(({ recoveredMs }) => recoveredMs ?? []).toSorted((one, other) => one - other);
  const middle = recovered[Math.floor(recovered.length / 2)];
  const longest = recovered.at(-1);
  return [
    ...(red.length > 0 ? ['red:', ...red.map(({ row }) => `  ${describeRow(row)}`)] : []),
    ...(notRun.length > 0 ? ['not run:', ...notRun.map((row) => `  ${describeRow(row)}`)] : []),
    `${results.length} rows in ${Math.round(seconds)} s: ${results.length - red.length} green, ${red.length} red` +
      `${notRun.length > 0 ? `, ${notRun.length} not run` : ''}` +
      `${middle === undefined || longest === undefined ? '' : `; recovered in ${Math.round(middle)} ms (median), ${Math.round(longest)} ms (longest)`}`,
  ].join('\n');
}

function describeRow(row: Row): string {
  return `${row.service} ${row.phase} ${formatOperation(row)}`;
}

function renderInvariants(broken: readonly string[] | undefined): string {
  if (broken === undefined) return 'not judged';
  return broken.length === 0 ? 'hold' : `${broken.length} BROKEN`;
}

function renderCells(
  position: string,
  service: string,
  phase: string,
  died: string,
  recovered: string,
  invariants: string,
  point: string,
): string {
  return [
    position.padStart(7),
    service.padEnd(SERVICE_WIDTH),
    phase.padEnd(PHASE_WIDTH),
    died.padEnd(DIED_WIDTH),
    recovered.padStart(RECOVERED_WIDTH),
    invariants.padEnd(INVARIANTS_WIDTH),
    point,
  ].join('  ');
}
