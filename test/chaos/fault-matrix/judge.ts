// The judgement of a cell: the answer has to be in time, typed, and name the right dependency. Pure.
import type { Cell, DependencyName } from './cells.ts';

/** The longest allowed answer time of CreateOrder. */
export const LIMIT_MS = 3_000;

/** An answer of CreateOrder: enum values without their prefixes. */
export type Answer = { readonly outcome: string; readonly reason: string; readonly status: string };

/** An error of CreateOrder; undefined where the error has no such detail. */
export type Refusal = {
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
};

export type CellResult = {
  readonly cell: Pick<Cell, 'name' | 'dependency' | 'fault' | 'scope' | 'way'>;
  /** Undefined when the cell could not be run. */
  readonly response: Answer | Refusal | undefined;
  /** The answer time. */
  readonly tookMs: number;
  /** How often the fault acted on the judged order. */
  readonly hits: number;
  /** The end state of the order, and the time from the removal of the fault to it. */
  readonly end: { readonly status: string; readonly afterMs: number } | undefined;
  /** The services that died. */
  readonly deaths: readonly string[];
  /** Errors of the cell itself. */
  readonly errors: readonly string[];
};

const STATUS_OF_OUTCOME: ReadonlyMap<string, string> = new Map([
  ['CONFIRMED', 'CONFIRMED'],
  ['PENDING', 'PENDING'],
  ['FAILED', 'FAILED'],
  ['CIRCUIT_OPEN', 'PENDING'],
  ['TIMEOUT', 'PENDING'],
]);

const BUDGET_EXHAUSTED = 'BUDGET_EXHAUSTED';
const INVENTORY_REASONS = ['INVENTORY_CHECK_FAILED', 'INVENTORY_UNAVAILABLE'];
const PAYMENT_REASONS = ['PAYMENT_TIMEOUT', 'PAYMENT_UNAVAILABLE'];

/** The reasons with which an order may wait while a dependency is faulted. */
const REASONS: Readonly<Record<DependencyName, readonly string[]>> = {
  inventory: [...INVENTORY_REASONS, BUDGET_EXHAUSTED],
  payment: [...PAYMENT_REASONS, BUDGET_EXHAUSTED],
  provider: [...PAYMENT_REASONS, BUDGET_EXHAUSTED],
  // A slow database uses up the budget of the later calls.
  database: [BUDGET_EXHAUSTED],
  // No order waits for the broker.
  nats: [],
};

/** The only fault by which a dependency answers `internal`: it may fail an order, and only at inventory. */
const INTERNAL_ERROR_FAULT = 'fail-always-500';

/** Describes everything that is wrong with a cell; a cell without problems is green. */
export function judgeCell({ cell, response, tookMs, hits, end, deaths, errors }: CellResult): string[] {
  const problems = [...errors];
  if (response !== undefined) {
    if (tookMs > LIMIT_MS) problems.push(`was answered after ${Math.round(tookMs)} ms`);
    if (hits === 0) problems.push('the proxy counted no fault');
    problems.push(...('code' in response ? judgeRefusal(cell.dependency, response) : judgeAnswer(cell, response)));
    if (end === undefined) problems.push('the order did not reach its end state after the fault was removed');
    else if ('status' in response) problems.push(...judgeEnd(response, end.status));
  }
  if (deaths.length > 0) problems.push(`died: ${deaths.join(', ')}`);
  return problems;
}

function judgeAnswer(cell: CellResult['cell'], { outcome, reason, status }: Answer): string[] {
  const expected = STATUS_OF_OUTCOME.get(outcome);
  if (expected === undefined) return [`is untyped: its outcome is ${outcome}`];
  const problems = status === expected ? [] : [`outcome ${outcome} with an order that is ${status}`];
  if (outcome === 'CONFIRMED') return reason === 'UNSPECIFIED' ? problems : [...problems, `CONFIRMED, with ${reason}`];
  if (reason === 'UNSPECIFIED') return [...problems, `is untyped: ${outcome} without a reason`];
  return isReasonAllowed(cell, reason)
    ? problems
    : [...problems, `${reason} is not what ${cell.fault} on ${cell.dependency} is`];
}

// No order of the matrix is declined, so PAYMENT_FAILED is never allowed.
function isReasonAllowed({ dependency, fault }: CellResult['cell'], reason: string): boolean {
  if (reason === 'INVENTORY_ERROR') return dependency === 'inventory' && fault === INTERNAL_ERROR_FAULT;
  return REASONS[dependency].includes(reason);
}

function judgeRefusal(dependency: DependencyName, { code, message, reason, retryAfterMs }: Refusal): string[] {
  const problems: string[] = [];
  if (reason === undefined) problems.push(`is untyped: ${code} without ErrorInfo (${message})`);
  if (retryAfterMs === undefined) problems.push(`is untyped: ${code} without RetryInfo`);
  // Without any other dependency, the order is accepted and waits.
  if (dependency !== 'database') problems.push(`${code} ${reason ?? ''} instead of an order that waits`);
  return problems;
}

function judgeEnd({ status }: Answer, end: string): string[] {
  const isOver = status === 'CONFIRMED' || status === 'FAILED';
  return isOver && end !== status ? [`was answered as ${status}, but ended as ${end}`] : [];
}
