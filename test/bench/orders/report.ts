// The result of the benchmark as Markdown. Pure.
import { renderOutcomes, renderTable, round } from '../markdown.ts';
import type { Series } from '../plot.ts';
import type { BenchResult, BenchRun, Side } from './bench.ts';
import type { Machine } from './circumstances.ts';
import { describeLoad, type Load, meanOf, type RunFigures, statementsByService, totalOf } from './figures.ts';
import { compareRounds, RATIO_NAMES, renderRatio } from './ratios.ts';

const LISTED_STATEMENTS = 40;
const LONGEST_STATEMENT = 110;

/** What the figures depend on. */
export type Circumstances = Machine & {
  readonly baseline: string | undefined;
  readonly logLevel: string;
  readonly waitsWhenRefused: boolean;
};

const COLOURS: Readonly<Record<Side, string>> = { ours: '#1f6feb', baseline: '#8c959f' };

/** The figures of all rounds of one load on one side. */
export type Summary = { readonly side: Side; readonly load: Load; readonly mean: RunFigures };

/** Summarises the runs by side and load, in the order of the runs. */
export function summarise(runs: readonly BenchRun[]): Summary[] {
  const groups = Map.groupBy(runs, ({ side, load }) => `${side} ${describeLoad(load)}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ side: first.side, load: first.load, mean: meanOf(group) }];
  });
}

/** The lines of the plot: one for each side. */
export function toSeries(summaries: readonly Summary[]): Series[] {
  return [...Map.groupBy(summaries, ({ side }) => side)].map(([name, figures]) => {
    return { name, colour: COLOURS[name], figures };
  });
}

export function renderReport({ durability, runs }: BenchResult, circumstances: Circumstances): string {
  const { date, commit, baseline, node, cores, processor, logLevel, waitsWhenRefused } = circumstances;
  const summaries = summarise(runs);
  const sides = [...new Set(runs.map(({ side }) => side))];
  const violations = runs.flatMap((run) =>
    run.violations.map((violation) => `${describeLoad(run.load)}: ${violation}`),
  );
  const sections = [
    '# What an order costs',
    `${date}, commit ${commit}${baseline === undefined ? '' : `, compared with ${baseline}`}. Node ${node}, ` +
      `${cores} cores (${processor}), shared with the load generator. ` +
      `Postgres: fsync ${durability.fsync}, synchronous_commit ${durability.synchronousCommit}. LOG_LEVEL ${logLevel}.`,
    'A caller places an order, waits for the answer, and places the next; `n/s` starts n orders per second instead. All costs are per ' +
      'confirmed order and include the asynchronous work after the answer and calls that were refused. A refused caller ' +
      `${waitsWhenRefused ? 'waits as its RetryInfo says' : 'places the next order at once'}.`,
    ...sides.flatMap((side) => renderSide(side, sides.length > 1, summaries)),
    ...(sides.length > 1 ? ['## Ours as a multiple of the baseline', renderRatios(runs)] : []),
    violations.length === 0
      ? 'Every invariant held after every run.'
      : `**Violated invariants**\n\n${violations.map((violation) => `- ${violation}`).join('\n')}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function renderSide(side: Side, isNamed: boolean, summaries: readonly Summary[]): string[] {
  const own = summaries.filter((summary) => summary.side === side);
  const first = own[0]?.mean.perOrder;
  if (first === undefined) return [];
  const statements = own.every(({ mean }) => mean.perOrder.statements !== undefined);
  const columns: [string, (figures: RunFigures) => string][] = [
    ['orders/s', ({ ordersPerSecond }) => round(ordersPerSecond)],
    ['p50 ms', ({ p50Ms }) => round(p50Ms)],
    ['p99 ms', ({ p99Ms }) => round(p99Ms)],
    ['CPU ms', ({ perOrder }) => round(totalOf(perOrder.cpuMs))],
    ['commits', ({ perOrder }) => round(totalOf(perOrder.commits))],
    ...(statements
      ? [
          [
            'statements',
            ({ perOrder }) => round(totalOf(perOrder.statements?.calls ?? {})),
          ] satisfies (typeof columns)[number],
        ]
      : []),
    ['WAL KiB', ({ perOrder }) => round(perOrder.walBytes / 1_024)],
    ['outcomes', ({ outcomes }) => renderOutcomes(outcomes)],
    ['generator CPU', ({ generatorCpu }) => `${Math.round(100 * generatorCpu)} %`],
  ];
  return [
    ...(isNamed ? [`## ${side === 'ours' ? 'Ours' : 'Baseline'}`] : []),
    renderTable(['load', ...columns.map(([name]) => name)], rowsOf(own, columns)),
    'CPU ms per order, by process:',
    renderCounts(own, ({ perOrder }) => perOrder.cpuMs),
    'Commits per order, by database:',
    renderCounts(own, ({ perOrder }) => perOrder.commits),
    ...(statements ? renderStatements(own) : ['Statements are not counted: `--statements` counts them.']),
  ];
}

function renderStatements(summaries: readonly Summary[]): string[] {
  const busiest = summaries.findLast(({ load }) => load.kind === 'closed') ?? summaries[0];
  const { calls = {}, ms = {} } = busiest?.mean.perOrder.statements ?? {};
  const rows = Object.entries(calls)
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, LISTED_STATEMENTS)
    .map(([name, count]) => [round(count), (ms[name] ?? 0).toFixed(3), `\`${shorten(name)}\``]);
  return [
    'Statements per order, by database:',
    renderCounts(summaries, ({ perOrder }) =>
      perOrder.statements === undefined ? {} : statementsByService(perOrder.statements),
    ),
    ...(busiest === undefined ? [] : [`The most frequent statements per order, with ${describeLoad(busiest.load)}:`]),
    renderTable(['calls', 'ms', 'statement'], rows),
  ];
}

function shorten(text: string): string {
  const safe = text.replaceAll('`', "'").replaceAll('|', '\\|');
  return safe.length > LONGEST_STATEMENT ? `${safe.slice(0, LONGEST_STATEMENT)}...` : safe;
}

function renderCounts(
  summaries: readonly Summary[],
  pick: (figures: RunFigures) => Readonly<Record<string, number>>,
): string {
  const names = Object.keys(summaries[0] === undefined ? {} : pick(summaries[0].mean));
  const columns = names.map((name): [string, (figures: RunFigures) => string] => [
    name,
    (figures) => round(pick(figures)[name] ?? 0),
  ]);
  return renderTable(['load', ...names], rowsOf(summaries, columns));
}

function rowsOf(
  summaries: readonly Summary[],
  columns: readonly [string, (figures: RunFigures) => string][],
): string[][] {
  return summaries.map(({ load, mean }) => [describeLoad(load), ...columns.map(([, render]) => render(mean))]);
}

/** One row for each load, with the lowest and the highest ratio of a round in parentheses. */
function renderRatios(runs: readonly BenchRun[]): string {
  const rows = [...Map.groupBy(runs, ({ load }) => describeLoad(load))].flatMap(([load, group]) => {
    const of = (side: Side): BenchRun[] => group.filter((run) => run.side === side);
    if (of('ours').length === 0 || of('baseline').length === 0) return [];
    const comparison = compareRounds(of('ours'), of('baseline'));
    return [[load, ...RATIO_NAMES.map(([name]) => renderRatio(comparison, name))]];
  });
  return renderTable(['load', ...RATIO_NAMES.map(([, heading]) => heading)], rows);
}
