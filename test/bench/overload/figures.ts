// The figures of an overload run, and the check of the promises. Pure.
import type { LoadResult } from './generator.ts';

/** The result of a load; times in milliseconds. */
export type PhaseFigures = {
  /** Requested orders per second. */
  readonly rate: number;
  /** Calls that should have started. */
  readonly wanted: number;
  readonly called: number;
  readonly accepted: number;
  /** Refused with `resource_exhausted` and RetryInfo. */
  readonly refused: number;
  readonly otherEnds: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly acceptedP50: number;
  readonly acceptedP99: number;
  readonly refusedP50: number;
  readonly refusedP99: number;
  /** As a share of one processor. */
  readonly generatorCpu: number;
  /** The longest delay of the start of a call. */
  readonly latestMs: number;
};

export type OverloadFigures = {
  readonly factor: number;
  /** Orders per second of a closed load; undefined when the rate was given. */
  readonly saturation: number | undefined;
  /** Measured before and after the overload, so that other load on the machine affects both alike. */
  readonly sustainable: PhaseFigures;
  readonly overload: PhaseFigures;
  /** Resident memory of the order service in bytes: at the sustainable rate, the maximum under overload, and at quiescence. */
  readonly memory: { readonly before: number; readonly max: number; readonly after: number };
  /** From the end of the load to quiescence; undefined when that took too long. */
  readonly quiescentMs: number | undefined;
  readonly violations: readonly string[];
};

const MAX_SLOWDOWN = 2;
const MAX_MEMORY_GROWTH = 1.25;
const MIN_SHARE_CALLED = 0.95;
/** The limit for the median time of a refusal. */
const MAX_REFUSAL_MS = 100;

/** Combines the results of one rate, from one or several loads of `wanted` calls in total. */
export function combineResults(rate: number, wanted: number, results: readonly LoadResult[]): PhaseFigures {
  const acceptedMs = results.flatMap((result) => result.acceptedMs);
  const refusedMs = results.flatMap((result) => result.refusedMs);
  const otherEnds: Record<string, number> = {};
  for (const [code, count] of results.flatMap((result) => Object.entries(result.otherEnds))) {
    otherEnds[code] = (otherEnds[code] ?? 0) + count;
  }
  return {
    rate,
    wanted,
    called: total(results.map(({ called }) => called)),
    accepted: acceptedMs.length,
    refused: refusedMs.length,
    otherEnds,
    seconds: total(results.map(({ seconds }) => seconds)),
    acceptedP50: quantile(acceptedMs, 0.5),
    acceptedP99: quantile(acceptedMs, 0.99),
    refusedP50: quantile(refusedMs, 0.5),
    refusedP99: quantile(refusedMs, 0.99),
    generatorCpu: Math.max(...results.map(({ cpuShare }) => cpuShare)),
    latestMs: Math.max(...results.map(({ latestMs }) => latestMs)),
  };
}

/** Whether the platform sustained a rate: every call was accepted. */
function isSustained({ called, accepted }: PhaseFigures): boolean {
  return accepted === called;
}

/** Describes every broken promise. */
export function findProblems(figures: OverloadFigures): string[] {
  const { sustainable, overload, factor, memory, quiescentMs, violations } = figures;
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  expect(isSustained(sustainable), `the sustainable rate was not sustained: ${describeOutcomes(sustainable)}`);
  for (const { rate, called, wanted } of [sustainable, overload]) {
    const words = `the generator did not keep up with ${rate} orders/s: ${called} of ${Math.round(wanted)} calls`;
    expect(called >= MIN_SHARE_CALLED * wanted, words);
  }
  expect(overload.refused > 0, `${factor} times the sustainable rate was no overload: nothing was refused`);
  expect(
    Object.keys(overload.otherEnds).length === 0,
    `neither accepted nor refused with RetryInfo: ${describeOutcomes(overload)}`,
  );
  expect(
    overload.acceptedP99 <= MAX_SLOWDOWN * sustainable.acceptedP99,
    `accepted orders are slower by ${times(overload.acceptedP99 / sustainable.acceptedP99)}, more than ${MAX_SLOWDOWN}`,
  );
  expect(overload.refusedP50 <= MAX_REFUSAL_MS, `half of the refusals take ${ms(overload.refusedP50)} or more`);
  expect(
    memory.after <= MAX_MEMORY_GROWTH * memory.before,
    `memory did not return: ${mebibytes(memory.before)} before, ${mebibytes(memory.after)} after`,
  );
  expect(quiescentMs !== undefined, 'the platform did not reach quiescence');
  return [...problems, ...violations];
}

/** Renders the figures. */
export function renderFigures(figures: OverloadFigures): string {
  const { saturation, sustainable, overload, factor, memory, quiescentMs } = figures;
  const slower = overload.acceptedP99 / sustainable.acceptedP99;
  const rows: [string, string][] = [
    ...(saturation === undefined ? [] : [['saturated', `${saturation.toFixed(0)} orders/s`] as [string, string]]),
    ['sustainable', renderPhase(sustainable)],
    [`${factor} times`, renderPhase(overload)],
    ['accepted p99', `${times(slower)} of that at the sustainable rate; limit: ${MAX_SLOWDOWN}`],
    [
      'refused',
      `half within ${ms(overload.refusedP50)}, p99 ${ms(overload.refusedP99)}; limit: half within ${MAX_REFUSAL_MS} ms`,
    ],
    [
      'memory',
      `${mebibytes(memory.before)} before, at most ${mebibytes(memory.max)}, ${mebibytes(memory.after)} after`,
    ],
    [
      'generator',
      `${(100 * overload.generatorCpu).toFixed(0)} % of a processor, at most ${ms(overload.latestMs)} late`,
    ],
    ['quiescent', quiescentMs === undefined ? 'not in time' : `${(quiescentMs / 1_000).toFixed(1)} s after the load`],
  ];
  return rows.map(([label, words]) => `  ${label.padEnd(14)}${words}`).join('\n');
}

function renderPhase(phase: PhaseFigures): string {
  const { rate, accepted, seconds, acceptedP50, acceptedP99 } = phase;
  return (
    `${rate} orders/s for ${seconds.toFixed(0)} s: ${describeOutcomes(phase)}; ` +
    `${(accepted / seconds).toFixed(0)} accepted/s, p50 ${ms(acceptedP50)}, p99 ${ms(acceptedP99)}`
  );
}

function describeOutcomes({ accepted, refused, otherEnds }: PhaseFigures): string {
  const rest = Object.entries(otherEnds).map(([code, count]) => `, ${count} ${code}`);
  return `${accepted} accepted, ${refused} refused${rest.join('')}`;
}

/** Returns the smallest number that this share of the numbers does not exceed; 0 for an empty list. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function ms(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} times`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
