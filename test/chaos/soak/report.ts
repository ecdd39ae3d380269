// The report of a soak: a progress line, the final figures, and where the soak did too little to prove anything. Pure.
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { Outage, Recovery } from './fault-injection.ts';
import type { Answer, FailedCall } from './journal.ts';
import { KILL_TARGETS, type KillTarget } from './kill-plan.ts';
import type { SoakSettings } from './settings.ts';

/** The input of the report. */
export type SoakFigures = {
  readonly settings: Pick<SoakSettings, 'mode' | 'minutes' | 'seed' | 'rate'>;
  readonly scenarios: number;
  /** The number of orders in each end state. */
  readonly ended: Readonly<Partial<Record<AcknowledgedOrder['status'], number>>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly answers: readonly Answer[];
  readonly failures: readonly FailedCall[];
  readonly kills: ReadonlyMap<KillTarget, number>;
  readonly recoveries: readonly Recovery[];
  readonly outages: readonly Outage[];
  /** The time until quiescence; undefined when it exceeded the limit. */
  readonly quiescentMs: number | undefined;
  /** The number of keys with failed calls that were retried at the end. */
  readonly retriedKeys: number;
};

const LATEST_ANSWERS = 200;
// A soak of ten minutes has at least 100 kills and 5,000 orders.
const MIN_KILLS_PER_MINUTE = 10;
const MIN_ORDERS_PER_MINUTE = 500;
const MIN_CONFIRMED_SHARE = 0.6;
const MIN_OUTAGE_MS = { 'nats-down': 60_000, 'postgres-down': 5_000 } as const;

/** Renders the progress line. */
export function renderProgress(
  elapsedMs: number,
  figures: Pick<SoakFigures, 'scenarios' | 'outcomes' | 'answers' | 'failures' | 'kills'> & {
    readonly running: number;
  },
): string {
  const { scenarios, outcomes, answers, failures, kills, running } = figures;
  return [
    `${String(Math.round(elapsedMs / 1_000)).padStart(5)} s`,
    `orders ${scenarios} (${running} running)`,
    `latest outcomes ${renderCounts(outcomes)}`,
    `failed calls ${failures.length}`,
    `kills ${sum(kills.values())}`,
    `answers ${renderTimes(answers.slice(-LATEST_ANSWERS))}`,
  ].join('  ');
}

/** Renders the final report. */
export function renderReport(figures: SoakFigures): string {
  const { settings, scenarios, ended, outcomes, answers, failures, outages, quiescentMs } = figures;
  const total = countOrders(figures);
  const shares = Object.entries(ended).map(([status, count]) => `${status} ${count} (${percent(count / total)})`);
  const rows: [string, string][] = [
    ['soak', `${settings.mode}, ${settings.minutes} min at ${settings.rate} orders/s, seed ${settings.seed}`],
    ['orders', `${total} by ${scenarios} scenarios: ${shares.join(', ')}`],
    ['answers', `${answers.length}, latest outcomes ${renderCounts(outcomes)}; ${renderTimes(answers)}`],
    ['failed calls', `${failures.length}${failures.length === 0 ? '' : `: ${renderCounts(countFailures(failures))}`}`],
    [
      'kills',
      `${sum(figures.kills.values())}: ${[...figures.kills].map(([process, count]) => `${process} ${count}`).join(', ')}`,
    ],
    ['recovered in', renderRecoveries(figures.recoveries)],
    ...outages.map((outage): [string, string] => ['outage', renderOutage(outage, answers)]),
    ['keys retried', `${figures.retriedKeys} with failed calls, at the end`],
    [
      'quiescent',
      quiescentMs === undefined ? 'not within a minute' : `${seconds(quiescentMs)} after the last fault or order`,
    ],
  ];
  return rows.map(([label, words]) => `  ${label.padEnd(16)}${words}`).join('\n');
}

/** Describes where the soak did too little to prove anything; empty when it did enough. */
export function findShortfalls(figures: SoakFigures): string[] {
  const { settings, ended, kills, outages } = figures;
  const { mode, minutes } = settings;
  const total = countOrders(figures);
  const share = (ended.CONFIRMED ?? 0) / Math.max(1, total);
  const minOrders = Math.floor(Math.min(MIN_ORDERS_PER_MINUTE, settings.rate * 46) * minutes);
  const atLeast = (what: string, count: number, wanted: number): string[] =>
    count < wanted ? [`${what}: ${count}, wanted at least ${wanted}`] : [];
  const longestMs = outages.reduce((longest, { fromMs, untilMs }) => Math.max(longest, untilMs - fromMs), 0);
  return [
    ...atLeast('orders', total, mode === 'kills' ? minOrders : Math.floor(minOrders / 2)),
    ...(share < MIN_CONFIRMED_SHARE
      ? [`confirmed orders: ${percent(share)}, wanted at least ${percent(MIN_CONFIRMED_SHARE)}`]
      : []),
    ...(mode === 'kills'
      ? atLeast('kills', sum(kills.values()), Math.floor(MIN_KILLS_PER_MINUTE * minutes))
      : atLeast('longest outage in ms', Math.ceil(longestMs), MIN_OUTAGE_MS[mode])),
    ...(mode === 'kills' && minutes >= 5
      ? KILL_TARGETS.filter((process) => (kills.get(process) ?? 0) === 0).map(
          (process) => `${process} was never killed`,
        )
      : []),
  ];
}

/** Counts failed calls by code and reason. */
function countFailures(failures: readonly FailedCall[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code, reason } of failures) {
    const name = reason === '' ? code : `${code}/${reason}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function countOrders({ ended }: Pick<SoakFigures, 'ended'>): number {
  return sum(Object.values(ended));
}

function renderRecoveries(recoveries: readonly Recovery[]): string {
  const parts = KILL_TARGETS.flatMap((process) => {
    const times = recoveries.filter((recovery) => recovery.process === process).map(({ tookMs }) => tookMs);
    if (times.length === 0) return [];
    return [`${process} ${seconds(quantile(times, 0.5))} (longest ${seconds(quantile(times, 1))})`];
  });
  return parts.join(', ') || 'nothing was killed';
}

/** Renders an outage with the answers of the calls that started and ended within it. */
function renderOutage({ process, fromMs, untilMs }: Outage, answers: readonly Answer[]): string {
  const within = answers.filter(({ atMs, tookMs }) => atMs - tookMs >= fromMs && atMs <= untilMs);
  const counts: Record<string, number> = {};
  for (const { acknowledged } of within) counts[acknowledged.outcome] = (counts[acknowledged.outcome] ?? 0) + 1;
  return `${process} for ${seconds(untilMs - fromMs)}; outcomes during it: ${renderCounts(counts)}; ${renderTimes(within)}`;
}

function renderTimes(answers: readonly Answer[]): string {
  const times = answers.map(({ tookMs }) => tookMs);
  if (times.length === 0) return 'none yet';
  const parts = ([0.5, 0.99] as const).map((share) => `p${share * 100} ${Math.round(quantile(times, share))} ms`);
  return parts.join(' ');
}

function renderCounts(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .toSorted(([, one], [, other]) => other - one)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'nothing'
  );
}

/** The smallest number that this share of the numbers does not exceed. */
function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
