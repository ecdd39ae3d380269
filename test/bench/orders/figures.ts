// The figures of the benchmark, from loads and readings. Pure.
import { quantile } from '../overload/figures.ts';
import type { LoadResult } from '../overload/generator.ts';

/** Concurrent callers of a closed load, or orders per second of an open one. */
export type Load =
  | { readonly kind: 'closed'; readonly callers: number }
  | { readonly kind: 'open'; readonly rate: number };

/** By statement, `<service>: <text>`. */
export type StatementCounters = {
  readonly calls: Readonly<Record<string, number>>;
  /** The time that the database spent in it. */
  readonly ms: Readonly<Record<string, number>>;
};

/** Counters that only rise, at one moment. */
export type Reading = {
  /** Processor time by process. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** By service. */
  readonly commits: Readonly<Record<string, number>>;
  /** Undefined when they are not counted. */
  readonly statements: StatementCounters | undefined;
  readonly walBytes: number;
};

/** What one confirmed order costs. */
export type Cost = Reading;

export type RunFigures = {
  readonly load: Load;
  readonly seconds: number;
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly perOrder: Cost;
  /** As a share of one processor. */
  readonly generatorCpu: number;
};

/**
 * Computes the figures of a run.
 *
 * @throws {Error} no order was confirmed: there is nothing to divide by.
 */
export function figuresOf(load: Load, result: LoadResult, before: Reading, after: Reading): RunFigures {
  const confirmedMs = result.acceptedMs.filter((_, index) => result.acknowledged[index]?.outcome === 'CONFIRMED');
  const outcomes = countOutcomes(result);
  if (confirmedMs.length === 0) {
    throw new Error(`${describeLoad(load)}: no order was confirmed, the outcomes were ${JSON.stringify(outcomes)}`);
  }
  return {
    load,
    seconds: result.seconds,
    ordersPerSecond: confirmedMs.length / result.seconds,
    p50Ms: quantile(confirmedMs, 0.5),
    p99Ms: quantile(confirmedMs, 0.99),
    outcomes,
    perOrder: costOf(before, after, confirmedMs.length),
    generatorCpu: result.cpuShare,
  };
}

/** Counts the calls by outcome: that of the answer, `refused`, or the code of another error. */
export function countOutcomes({ acknowledged, refusedMs, otherEnds }: LoadResult): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (name: string, count: number): void => {
    if (count > 0) counts[name] = (counts[name] ?? 0) + count;
  };
  for (const { outcome } of acknowledged) add(outcome.toLowerCase(), 1);
  add('refused', refusedMs.length);
  for (const [code, count] of Object.entries(otherEnds)) add(`failed: ${code}`, count);
  return counts;
}

function costOf(before: Reading, after: Reading, orders: number): Cost {
  const each = (from: Readonly<Record<string, number>>, to: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(to).map(([name, value]) => [name, (value - (from[name] ?? 0)) / orders]));
  const [from, to] = [before.statements, after.statements];
  return {
    cpuMs: each(before.cpuMs, after.cpuMs),
    commits: each(before.commits, after.commits),
    statements: from && to && { calls: each(from.calls, to.calls), ms: each(from.ms, to.ms) },
    walBytes: (after.walBytes - before.walBytes) / orders,
  };
}

/** Returns the mean of the figures of several runs of the same load; the outcomes are added up. */
export function meanOf(runs: readonly RunFigures[]): RunFigures {
  const first = runs[0];
  if (first === undefined) throw new Error('there is no mean of no runs');
  const mean = (pick: (run: RunFigures) => number): number => total(runs.map(pick)) / runs.length;
  const each = (pick: (run: RunFigures) => Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(
      runs.flatMap((run) => Object.keys(pick(run))).map((name) => [name, mean((run) => pick(run)[name] ?? 0)]),
    );
  const outcomes: Record<string, number> = {};
  for (const [name, count] of runs.flatMap((run) => Object.entries(run.outcomes))) {
    outcomes[name] = (outcomes[name] ?? 0) + count;
  }
  const counted = runs.every(({ perOrder }) => perOrder.statements !== undefined);
  return {
    load: first.load,
    seconds: mean(({ seconds }) => seconds),
    ordersPerSecond: mean(({ ordersPerSecond }) => ordersPerSecond),
    p50Ms: mean(({ p50Ms }) => p50Ms),
    p99Ms: mean(({ p99Ms }) => p99Ms),
    outcomes,
    perOrder: {
      cpuMs: each(({ perOrder }) => perOrder.cpuMs),
      commits: each(({ perOrder }) => perOrder.commits),
      statements: counted
        ? {
            calls: each(({ perOrder }) => perOrder.statements?.calls ?? {}),
            ms: each(({ perOrder }) => perOrder.statements?.ms ?? {}),
          }
        : undefined,
      walBytes: mean(({ perOrder }) => perOrder.walBytes),
    },
    generatorCpu: mean(({ generatorCpu }) => generatorCpu),
  };
}

/** Adds up the calls of statements by service. */
export function statementsByService({ calls }: StatementCounters): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const [name, count] of Object.entries(calls)) {
    const service = name.slice(0, name.indexOf(':'));
    totals[service] = (totals[service] ?? 0) + count;
  }
  return totals;
}

export function describeLoad(load: Load): string {
  if (load.kind === 'open') return `${load.rate}/s`;
  return load.callers === 1 ? '1 caller' : `${load.callers} callers`;
}

export function totalOf(counts: Readonly<Record<string, number>>): number {
  return total(Object.values(counts));
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
