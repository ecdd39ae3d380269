// The judge of the invariants: from the facts alone, for each invariant its state, the compared quantities and the violations.
import { EVENT_INVARIANTS } from './events.ts';
import type { Facts } from './facts.ts';
import { type FactView, type Finding, type Invariant, type Violation, viewFacts } from './finding.ts';
import { MONEY_INVARIANTS } from './money.ts';
import { ORDER_INVARIANTS } from './orders.ts';
import { SALES_INVARIANTS } from './sales.ts';
import { STOCK_INVARIANTS } from './stock.ts';

const MAX_LISTED = 20;

export type Verdict = {
  readonly name: string;
  readonly promise: string;
  readonly state: 'holds' | 'violated' | 'unknown';
  /** The compared quantities, by label. */
  readonly counts: Readonly<Record<string, number | string>>;
  /** The first twenty. */
  readonly violations: readonly Violation[];
  readonly violationCount: number;
};

const INVARIANTS: readonly Invariant[] = [
  { name: 'quiescent', promise: 'no work is pending, so everything below can be judged', find: findPendingWork },
  ...MONEY_INVARIANTS,
  ...STOCK_INVARIANTS,
  ...ORDER_INVARIANTS,
  ...SALES_INVARIANTS,
  ...EVENT_INVARIANTS,
];

/** The names of all invariants, in the order of the verdicts. */
export const INVARIANT_NAMES: readonly string[] = INVARIANTS.map(({ name }) => name);

/** Judges every invariant. Pure: the same facts give the same verdicts. */
export function judgeInvariants(facts: Facts): Verdict[] {
  const view = viewFacts(facts);
  return INVARIANTS.map(({ name, promise, find }) => {
    const finding = find(view);
    const { counts, violations, unknown } = finding;
    return {
      name,
      promise,
      state: stateOf(finding),
      counts: unknown === undefined ? counts : { ...counts, note: unknown },
      violations: violations.slice(0, MAX_LISTED),
      violationCount: violations.length,
    };
  });
}

function stateOf({ violations, unknown }: Finding): Verdict['state'] {
  if (violations.length > 0) return 'violated';
  return unknown === undefined ? 'holds' : 'unknown';
}

function findPendingWork({ pendingWork }: FactView): Finding {
  const violations = pendingWork
    .filter(({ count }) => count > 0)
    .map(({ what, count, ids }) => ({ id: what, detail: `${count}${ids.length > 0 ? `: ${ids.join(', ')}` : ''}` }));
  return {
    counts: { checks: pendingWork.length, unfinished: pendingWork.reduce((sum, { count }) => sum + count, 0) },
    violations,
  };
}
