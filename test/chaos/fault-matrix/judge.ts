// What a cell showed, and whether that is as promised: an answer in time, of a typed kind, that blames the right one. Pure.
import type { Cell, DependencyName } from './cells.ts';

/** No answer of CreateOrder may take longer. */
export const LIMIT_MS = 3_000;

/** How CreateOrder was answered: enum values without their prefixes. */
export type Answer = { readonly outcome: string; readonly reason: string; readonly status: string };

/** How CreateOrder failed; undefined where the error has no such detail. */
export type Refusal = {
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
};

export type CellResult = {
  readonly cell: Pick<Cell, 'name' | 'dependency' | 'fault' | 'scope' | 'way'>;
  /** Undefined when the cell could not be tried. */
  readonly response: Answer | Refusal | undefined;
  /** What the caller waited. */
  readonly tookMs: number;
  /** How often the proxy did harm to the order that is judged. */
  readonly hits: number;
  /** How the order ended, and how long after the fault's removal. */
  readonly end: { readonly status: string; readonly afterMs: number } | undefined;
  /** Services that died of it. */
  readonly deaths: readonly string[];
  /** What went wrong with the cell itself, in words. */
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

/** What an order may be response to wait for when this dependency is faulted. */
const REASONS: Readonly<Record<DependencyName, readonly string[]>> = {
  inventory: [...INVENTORY_REASONS, BUDGET_EXHAUSTED],
  payment: [...PAYMENT_REASONS, BUDGET_EXHAUSTED],
  provider: [...PAYMENT_REASONS, BUDGET_EXHAUSTED],
  // What the database costs is missing elsewhere.
  database: [BUDGET_EXHAUSTED],
  // An order needs no broker.
  nats: [],
};

/** The one fault that is an internal error response to the caller: by it alone may an order fail, and only at inventory. */
const INTERNAL_ERROR_FAULT = 'fail-always-500';

/** Everything that is wrong with a cell, one sentence each; a cell with none is green. */
export function judgeCell({ cell, response, tookMs, hits, end, deaths, errors }: CellResult): string[] {
  const faults = [...errors];
  if (response !== undefined) {
    if (tookMs > LIMIT_MS) faults.push(`was answered after ${Math.round(tookMs)} ms`);
    if (hits === 0) faults.push('the proxy counted no fault');
    faults.push(...('code' in response ? judgeRefusal(cell.dependency, response) : judgeAnswer(cell, response)));
    if (end === undefined) faults.push('the order did not come to its end after the fault was removed');
    else if ('status' in response) faults.push(...judgeEnd(response, end.status));
  }
  if (deaths.length > 0) faults.push(`died of it: ${deaths.join(', ')}`);
  return faults;
}

function judgeAnswer(cell: CellResult['cell'], { outcome, reason, status }: Answer): string[] {
  const expected = STATUS_OF_OUTCOME.get(outcome);
  if (expected === undefined) return [`is untyped: its outcome is ${outcome}`];
  const faults = status === expected ? [] : [`outcome ${outcome} with an order that is ${status}`];
  if (outcome === 'CONFIRMED') return reason === 'UNSPECIFIED' ? faults : [...faults, `CONFIRMED, with ${reason}`];
  if (reason === 'UNSPECIFIED') return [...faults, `is untyped: ${outcome} without a reason`];
  return isReasonAllowed(cell, reason)
    ? faults
    : [...faults, `${reason} is not what ${cell.fault} on ${cell.dependency} is`];
}

// No order of the matrix is declined, so none may be response that it was.
function isReasonAllowed({ dependency, fault }: CellResult['cell'], reason: string): boolean {
  if (reason === 'INVENTORY_ERROR') return dependency === 'inventory' && fault === INTERNAL_ERROR_FAULT;
  return REASONS[dependency].includes(reason);
}

function judgeRefusal(dependency: DependencyName, { code, message, reason, retryAfterMs }: Refusal): string[] {
  const faults: string[] = [];
  if (reason === undefined) faults.push(`is untyped: ${code} without ErrorInfo (${message})`);
  if (retryAfterMs === undefined) faults.push(`is untyped: ${code} without RetryInfo`);
  // Whatever else an order lacks, it is accepted and waits.
  if (dependency !== 'database') faults.push(`${code} ${reason ?? ''} instead of an order that waits`);
  return faults;
}

function judgeEnd({ status }: Answer, end: string): string[] {
  const isOver = status === 'CONFIRMED' || status === 'FAILED';
  return isOver && end !== status ? [`was response to be ${status}, and ended as ${end}`] : [];
}
