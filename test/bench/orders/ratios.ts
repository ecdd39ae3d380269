// The figures of one system as multiples of those of another, measured in turns. Pure.
import { meanOf, type RunFigures, totalOf } from './figures.ts';

export type Ratios = {
  readonly ordersPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
  readonly commits: number;
  readonly walBytes: number;
};

/** The ratio of the means, with the lowest and the highest ratio of a round: the distance between them is the noise. */
export type Comparison = { readonly mean: Ratios; readonly lowest: Ratios; readonly highest: Ratios };

/** The ratios with their headings. */
export const RATIO_NAMES = [
  ['ordersPerSecond', 'orders/s'],
  ['p50', 'p50'],
  ['p99', 'p99'],
  ['cpu', 'CPU'],
  ['commits', 'commits'],
  ['walBytes', 'WAL'],
] as const satisfies readonly (readonly [keyof Ratios, string])[];

export function ratiosOf(ours: RunFigures, other: RunFigures): Ratios {
  return {
    ordersPerSecond: ours.ordersPerSecond / other.ordersPerSecond,
    p50: ours.p50Ms / other.p50Ms,
    p99: ours.p99Ms / other.p99Ms,
    cpu: totalOf(ours.perOrder.cpuMs) / totalOf(other.perOrder.cpuMs),
    commits: totalOf(ours.perOrder.commits) / totalOf(other.perOrder.commits),
    walBytes: ours.perOrder.walBytes / other.perOrder.walBytes,
  };
}

type Run = RunFigures & { readonly round: number };

/**
 * Compares the runs of two systems under the same load.
 *
 * @throws {Error} no round has a run of both.
 */
export function compareRounds(ours: readonly Run[], others: readonly Run[]): Comparison {
  const rounds = ours.flatMap((run) => {
    const other = others.find(({ round }) => round === run.round);
    return other === undefined ? [] : [ratiosOf(run, other)];
  });
  if (rounds.length === 0) throw new Error('there is no round in which both were measured');
  const each = (pick: (values: number[]) => number): Ratios =>
    Object.fromEntries(
      RATIO_NAMES.map(([name]) => [name, pick(rounds.map((ratios) => ratios[name]))]),
    ) as unknown as Ratios;
  return {
    mean: ratiosOf(meanOf(ours), meanOf(others)),
    lowest: each((values) => Math.min(...values)),
    highest: each((values) => Math.max(...values)),
  };
}

export function renderRatio({ mean, lowest, highest }: Comparison, name: keyof Ratios): string {
  return `${mean[name].toFixed(2)} (${lowest[name].toFixed(2)} to ${highest[name].toFixed(2)})`;
}
