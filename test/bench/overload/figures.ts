// What a run of the overload proof found, and whether that is as promised. Pure.
import type { LoadResult } from './generator.ts';

/** A load and what became of it; times in milliseconds. */
export type PhaseFigures = {
  /** Orders asked for a second. */
  readonly rate: number;
  /** Calls that should have begun. */
  readonly wanted: number;
  readonly called: number;
  readonly accepted: number;
  /** Refused as they should. */
  readonly refused: number;
  readonly others: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly acceptedP50: number;
  readonly acceptedP99: number;
  readonly refusedP50: number;
  readonly refusedP99: number;
  /** Of one processor. */
  readonly generatorCpu: number;
  /** The most by which a call began late. */
  readonly latestMs: number;
};

export type OverloadFigures = {
  readonly factor: number;
  /** Orders a second when callers wait for each other; undefined when the rate was given. */
  readonly saturation: number | undefined;
  /** Before the overload and after it, so that other load on the machine does not favour either. */
  readonly sustainable: PhaseFigures;
  readonly overload: PhaseFigures;
  /** Resident memory of the order service in bytes: at the sustainable rate, the most under overload, and at rest again. */
  readonly memory: { readonly before: number; readonly most: number; readonly after: number };
  /** From the end of the load to a platform with nothing left to do; undefined when that took too long. */
  readonly restMs: number | undefined;
  readonly violations: readonly string[];
};

const MOST_TIMES_SLOWER = 2;
const MOST_MEMORY_GROWTH = 1.25;
const LEAST_SHARE_CALLED = 0.95;
/** What "at once" is to a caller, for half of those refused. */
const AT_ONCE_MS = 100;

/** Sums up what the generator saw of one rate, in one or several goes of `wanted` calls together. */
export function sumUp(rate: number, wanted: number, results: readonly LoadResult[]): PhaseFigures {
  const acceptedMs = results.flatMap((result) => result.acceptedMs);
  const refusedMs = results.flatMap((result) => result.refusedMs);
  const others: Record<string, number> = {};
  for (const [code, count] of results.flatMap((result) => Object.entries(result.others))) {
    others[code] = (others[code] ?? 0) + count;
  }
  return {
    rate,
    wanted,
    called: total(results.map(({ called }) => called)),
    accepted: acceptedMs.length,
    refused: refusedMs.length,
    others,
    seconds: total(results.map(({ seconds }) => seconds)),
    acceptedP50: quantile(acceptedMs, 0.5),
    acceptedP99: quantile(acceptedMs, 0.99),
    refusedP50: quantile(refusedMs, 0.5),
    refusedP99: quantile(refusedMs, 0.99),
    generatorCpu: Math.max(...results.map(({ cpuShare }) => cpuShare)),
    latestMs: Math.max(...results.map(({ latestMs }) => latestMs)),
  };
}

/** Whether the platform kept up with a rate: nothing was refused, nothing failed. */
function isSustained({ called, accepted }: PhaseFigures): boolean {
  return accepted === called;
}

/** Everything that is not as promised, one sentence each. */
export function findFaults(figures: OverloadFigures): string[] {
  const { sustainable, overload, factor, memory, restMs, violations } = figures;
  const faults: string[] = [];
  const expect = (holds: boolean, words: string): void => {
    if (!holds) faults.push(words);
  };
  expect(isSustained(sustainable), `the sustainable rate was not sustained: ${describeEnds(sustainable)}`);
  expect(
    overload.called >= LEAST_SHARE_CALLED * overload.wanted,
    `the generator did not keep up: ${overload.called} calls`,
  );
  expect(overload.refused > 0, `${factor} times the sustainable rate was no overload: nothing was refused`);
  expect(
    Object.keys(overload.others).length === 0,
    `not accepted and not refused as promised: ${describeEnds(overload)}`,
  );
  expect(
    overload.acceptedP99 <= MOST_TIMES_SLOWER * sustainable.acceptedP99,
    `accepted orders are slower by ${times(overload.acceptedP99 / sustainable.acceptedP99)}, more than ${MOST_TIMES_SLOWER}`,
  );
  expect(overload.refusedP50 <= AT_ONCE_MS, `half of the refusals take more than ${ms(overload.refusedP50)}`);
  expect(
    memory.after <= MOST_MEMORY_GROWTH * memory.before,
    `memory did not return: ${mebibytes(memory.before)} before, ${mebibytes(memory.after)} after`,
  );
  expect(restMs !== undefined, 'the platform did not come to rest');
  return [...faults, ...violations];
}

/** All figures, as people read them. */
export function renderFigures(figures: OverloadFigures): string {
  const { saturation, sustainable, overload, factor, memory, restMs } = figures;
  const slower = overload.acceptedP99 / sustainable.acceptedP99;
  const rows: [string, string][] = [
    ...(saturation === undefined ? [] : [['saturated', `${saturation.toFixed(0)} orders/s`] as [string, string]]),
    ['sustainable', renderPhase(sustainable)],
    [`${factor} times`, renderPhase(overload)],
    ['accepted p99', `${times(slower)} of that at the sustainable rate; wanted: at most ${MOST_TIMES_SLOWER}`],
    [
      'refused',
      `half within ${ms(overload.refusedP50)}, p99 ${ms(overload.refusedP99)}; wanted: half within ${AT_ONCE_MS} ms`,
    ],
    [
      'memory',
      `${mebibytes(memory.before)} before, at most ${mebibytes(memory.most)}, ${mebibytes(memory.after)} after`,
    ],
    [
      'generator',
      `${(100 * overload.generatorCpu).toFixed(0)} % of a processor, at most ${ms(overload.latestMs)} late`,
    ],
    ['at rest', restMs === undefined ? 'not in time' : `${(restMs / 1_000).toFixed(1)} s after the load`],
  ];
  return rows.map(([label, words]) => `  ${label.padEnd(14)}${words}`).join('\n');
}

function renderPhase(phase: PhaseFigures): string {
  const { rate, accepted, seconds, acceptedP50, acceptedP99 } = phase;
  return (
    `${rate} orders/s for ${seconds.toFixed(0)} s: ${describeEnds(phase)}; ` +
    `${(accepted / seconds).toFixed(0)} accepted/s, p50 ${ms(acceptedP50)}, p99 ${ms(acceptedP99)}`
  );
}

function describeEnds({ accepted, refused, others }: PhaseFigures): string {
  const rest = Object.entries(others).map(([code, count]) => `, ${count} ${code}`);
  return `${accepted} accepted, ${refused} refused${rest.join('')}`;
}

/** The smallest of the numbers that this share of them does not exceed; 0 when there are none. */
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
