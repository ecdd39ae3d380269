// The figures of the cluster test. Pure.
import type { Verdict } from '../../support/invariants/judge.ts';

/** The invariants that a second effect violates: a charge, a mail, an event, an order. */
const DOUBLED = ['charged-once', 'mailed-once', 'notified-once', 'events-distinct', 'one-order-per-key', 'stock-sold'];

/** How many violations say that something is missing, and how many that something is there twice. */
export function countViolations(verdicts: readonly Verdict[]): { readonly lost: number; readonly doubled: number } {
  const count = (isCounted: (name: string) => boolean): number =>
    verdicts.filter(({ name }) => isCounted(name)).reduce((sum, { violationCount }) => sum + violationCount, 0);
  return { lost: count((name) => !DOUBLED.includes(name)), doubled: count((name) => DOUBLED.includes(name)) };
}

/** The longest time between two accepted orders within an interval, in milliseconds; the interval's ends count as orders. */
export function longestGap(acceptedMs: readonly number[], fromMs: number, untilMs: number): number {
  const within = acceptedMs.filter((ms) => ms > fromMs && ms < untilMs).toSorted((a, b) => a - b);
  const times = [fromMs, ...within, untilMs];
  return Math.max(...times.slice(1).map((ms, index) => ms - (times[index] ?? ms)));
}

/** One line of a kill: what, until it was as good as before, and the longest time without an accepted order. */
export function renderKill(name: string, recoveryMs: number, gapMs: number): string {
  return `${name.padEnd(42)} recovered in ${seconds(recoveryMs)}, at most ${seconds(gapMs)} without an accepted order`;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(5)} s`;
}
