// What an attack did to honest customers and to the service: the figures, the verdict, the table. Pure.
import type { Outcomes } from './attack.ts';
import type { HonestOrders } from './honest-orders.ts';

export type AttackFigures = {
  readonly attack: string;
  /** Honest orders just before the attack, and during it. */
  readonly before: HonestOrders;
  readonly during: HonestOrders;
  /** Resident memory of the service in bytes: before, at most during, and after the attack. */
  readonly memory: { readonly before: number; readonly max: number; readonly after: number };
  /** Whether health said SERVING whenever it was asked during the attack. */
  readonly isHealthy: boolean;
  /** What the attacker saw. */
  readonly outcomes: Outcomes;
};

/** How much slower honest orders may be. */
const MAX_SLOWDOWN = 2;
/** A p99 below it counts as this much: shorter ones are noise. */
const MIN_P99_MS = 25;
const MIB = 1024 * 1024;
/** What garbage collection may leave behind. */
const MAX_KEPT_BYTES = 96 * MIB;
const MAX_PEAK_BYTES = 256 * MIB;

/** Returns the latency that a share of the orders does not exceed; 0 without orders. */
export function quantile(latenciesMs: readonly number[], share: number): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Returns the p99 of honest orders without an attack, over the whole run so far. */
export function calmP99(figures: readonly AttackFigures[]): number {
  return quantile(
    figures.flatMap(({ before }) => before.latenciesMs),
    0.99,
  );
}

/** Returns what an attack must not do and did; `calmMs` is the p99 of honest orders without an attack. */
export function findProblems({ during, memory, isHealthy, outcomes }: AttackFigures, calmMs: number): string[] {
  const problems: string[] = [];
  const attackedMs = quantile(during.latenciesMs, 0.99);
  const limitMs = MAX_SLOWDOWN * Math.max(MIN_P99_MS, calmMs);
  if (attackedMs > limitMs) problems.push(`p99 ${ms(attackedMs)} instead of at most ${ms(limitMs)}`);
  if (during.latenciesMs.length === 0) problems.push('no order was accepted');
  if (during.failures.length > 0) problems.push(`${during.failures.length} orders failed: ${during.failures[0]}`);
  if (memory.max - memory.before > MAX_PEAK_BYTES) problems.push(`memory grew by ${mib(memory.max - memory.before)}`);
  if (memory.after - memory.before > MAX_KEPT_BYTES) problems.push(`${mib(memory.after - memory.before)} were kept`);
  if (!isHealthy) problems.push('health was not SERVING');
  if (Object.keys(outcomes).length === 0) problems.push('the attack saw nothing: it did not reach the service');
  return problems;
}

/** Draws a table with a row for each attack. */
export function renderTable(figures: readonly AttackFigures[]): string {
  const header = ['attack', 'p99 before', 'p99 during', 'memory', 'most', 'after', 'the attacker saw', 'result'];
  const calmMs = calmP99(figures);
  const rows = figures.map((row) => {
    const problems = findProblems(row, calmMs);
    return [
      row.attack,
      ms(quantile(row.before.latenciesMs, 0.99)),
      ms(quantile(row.during.latenciesMs, 0.99)),
      mib(row.memory.before),
      mib(row.memory.max),
      mib(row.memory.after),
      Object.entries(row.outcomes)
        .map(([name, count]) => `${count} ${name}`)
        .join(', '),
      problems.length === 0 ? 'held' : `FAILED: ${problems.join('; ')}`,
    ];
  });
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
