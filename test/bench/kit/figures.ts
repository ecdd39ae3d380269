// Ratios of two values measured in turns, and their table.

export interface Effort {
  /** The number of rounds. */
  readonly rounds: number;
  /** How long a server is under load per round. */
  readonly seconds: number;
}

export interface Figure {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** `undefined` when the peer could not be measured; `note` says why. */
  readonly ratio: number | undefined;
  readonly wanted?: { readonly atLeast: number } | { readonly below: number };
  readonly note?: string;
}

type Measurement<Name extends string> = Readonly<Record<Name, () => Promise<number>>>;

/** Measures several things in turns. Returns each one's values in the order of the rounds. */
export async function measureInTurns<Name extends string>(
  rounds: number,
  measurements: Measurement<Name>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    // The order rotates: the first one of a round may have an advantage.
    const inOrder = round % 2 === 0 ? names : names.toReversed();
    for (const name of inOrder) values[name].push(await measurements[name]());
  }
  return values;
}

/** Returns the median of the rounds' ratios. */
export function medianRatio(values: readonly number[], others: readonly number[]): number {
  return median(values.map((value, round) => value / (others[round] ?? Number.NaN)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Whether a figure is within its limit. One that could not be measured, or has no limit, is. */
export function isAsWanted({ ratio, wanted }: Figure): boolean {
  if (ratio === undefined || !wanted) return true;
  return 'atLeast' in wanted ? ratio >= wanted.atLeast : ratio < wanted.below;
}

/** Renders the figures as a table. */
export function renderFigures(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.what,
    figure.ours,
    figure.peer,
    figure.ratio === undefined ? '' : `${figure.ratio.toFixed(2)}x`,
    figure.note ?? describeWanted(figure),
  ]);
  const table = [['', 'the kit', 'the peer', 'ratio', 'limit'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function describeWanted(figure: Figure): string {
  const { wanted } = figure;
  if (!wanted) return '';
  const limit = 'atLeast' in wanted ? `at least ${wanted.atLeast}x` : `below ${wanted.below}x`;
  return isAsWanted(figure) ? limit : `${limit}: NOT MET`;
}
