// What a soak has to say: a line of progress, and at the end the figures, what was too little, and what is wrong. Pure.
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { Outage, Recovery } from './fault-injection.ts';
import type { Answer, FailedCall } from './journal.ts';
import { KILL_TARGETS, type KillTarget } from './kill-plan.ts';
import type { SoakSettings } from './settings.ts';

/** Everything the report is made of. */
export type SoakFigures = {
  readonly settings: Pick<SoakSettings, 'mode' | 'minutes' | 'seed' | 'rate'>;
  readonly scenarios: number;
  /** How the orders ended, by status. */
  readonly ended: Readonly<Partial<Record<AcknowledgedOrder['status'], number>>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly answers: readonly Answer[];
  readonly failures: readonly FailedCall[];
  readonly kills: ReadonlyMap<KillTarget, number>;
  readonly recoveries: readonly Recovery[];
  readonly outages: readonly Outage[];
  /** How long everything took to come to rest; undefined when it took too long. */
  readonly restMs: number | undefined;
  /** How many keys whose calls had failed were repeated at the end. */
  readonly repeatedKeys: number;
};

const LATEST_ANSWERS = 200;
// By the minute: a soak of ten minutes makes at least 100 kills and 5,000 orders.
const LEAST_KILLS_A_MINUTE = 10;
const LEAST_ORDERS_A_MINUTE = 500;
const LEAST_CONFIRMED_SHARE = 0.6;
const LEAST_OUTAGE_MS = { 'nats-down': 60_000, 'postgres-down': 5_000 } as const;

/** One line while it runs. */
export function renderProgress(
  elapsedMs: number,
  figures: Pick<SoakFigures, 'scenarios' | 'outcomes' | 'answers' | 'failures' | 'kills'> & { readonly atOnce: number },
): string {
  const { scenarios, outcomes, answers, failures, kills, atOnce } = figures;
  return [
    `${String(Math.round(elapsedMs / 1_000)).padStart(5)} s`,
    `orders ${scenarios} (${atOnce} under way)`,
    `last acknowledged ${renderCounts(outcomes)}`,
    `failed calls ${failures.length}`,
    `kills ${sum(kills.values())}`,
    `answers ${renderTimes(answers.slice(-LATEST_ANSWERS))}`,
  ].join('  ');
}

/** What was done and how it ended. */
export function renderReport(figures: SoakFigures): string {
  const { settings, scenarios, ended, outcomes, answers, failures, outages, restMs } = figures;
  const total = countOrders(figures);
  const shares = Object.entries(ended).map(([status, count]) => `${status} ${count} (${percent(count / total)})`);
  const rows: [string, string][] = [
    ['soak', `${settings.mode}, ${settings.minutes} min at ${settings.rate} orders/s, seed ${settings.seed}`],
    ['orders', `${total} by ${scenarios} scenarios: ${shares.join(', ')}`],
    ['answers', `${answers.length}, last acknowledged ${renderCounts(outcomes)}; ${renderTimes(answers)}`],
    ['failed calls', `${failures.length}${failures.length === 0 ? '' : `: ${renderCounts(countFailures(failures))}`}`],
    [
      'kills',
      `${sum(figures.kills.values())}: ${[...figures.kills].map(([part, count]) => `${part} ${count}`).join(', ')}`,
    ],
    ['back after', renderRecoveries(figures.recoveries)],
    ...outages.map((outage): [string, string] => ['away', renderOutage(outage, answers)]),
    ['keys repeated', `${figures.repeatedKeys} whose calls had failed, at the end`],
    ['at rest', restMs === undefined ? 'not within a minute' : `${seconds(restMs)} after the last damage or order`],
  ];
  return rows.map(([label, words]) => `  ${label.padEnd(16)}${words}`).join('\n');
}

/** In what the soak did too little to show anything, in words; empty when it did enough. */
export function findShortfalls(figures: SoakFigures): string[] {
  const { settings, ended, kills, outages } = figures;
  const { mode, minutes } = settings;
  const total = countOrders(figures);
  const share = (ended.CONFIRMED ?? 0) / Math.max(1, total);
  const leastOrders = Math.floor(Math.min(LEAST_ORDERS_A_MINUTE, settings.rate * 46) * minutes);
  const least = (what: string, count: number, wanted: number): string[] =>
    count < wanted ? [`${what}: ${count}, wanted at least ${wanted}`] : [];
  const away = outages.reduce((longest, { fromMs, untilMs }) => Math.max(longest, untilMs - fromMs), 0);
  return [
    ...least('orders', total, mode === 'kills' ? leastOrders : Math.floor(leastOrders / 2)),
    ...(share < LEAST_CONFIRMED_SHARE
      ? [`confirmed orders: ${percent(share)}, wanted at least ${percent(LEAST_CONFIRMED_SHARE)}`]
      : []),
    ...(mode === 'kills'
      ? least('kills', sum(kills.values()), Math.floor(LEAST_KILLS_A_MINUTE * minutes))
      : least('longest outage in ms', Math.ceil(away), LEAST_OUTAGE_MS[mode])),
    ...(mode === 'kills' && minutes >= 5
      ? KILL_TARGETS.filter((part) => (kills.get(part) ?? 0) === 0).map((part) => `${part} was never killed`)
      : []),
  ];
}

/** How often calls failed, by code and reason. */
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
  const parts = KILL_TARGETS.flatMap((part) => {
    const times = recoveries.filter((recovery) => recovery.part === part).map(({ tookMs }) => tookMs);
    if (times.length === 0) return [];
    return [`${part} ${seconds(quantile(times, 0.5))} (longest ${seconds(quantile(times, 1))})`];
  });
  return parts.join(', ') || 'nothing was struck';
}

/** What was acknowledged by calls that began and ended while a part was away. */
function renderOutage({ part, fromMs, untilMs }: Outage, answers: readonly Answer[]): string {
  const within = answers.filter(({ atMs, tookMs }) => atMs - tookMs >= fromMs && atMs <= untilMs);
  const counts: Record<string, number> = {};
  for (const { acknowledged } of within) counts[acknowledged.outcome] = (counts[acknowledged.outcome] ?? 0) + 1;
  return `${part} for ${seconds(untilMs - fromMs)}; acknowledged meanwhile: ${renderCounts(counts)}; ${renderTimes(within)}`;
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

/** The smallest of the numbers that this share of them does not exceed. */
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
