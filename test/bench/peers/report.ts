// The result of the comparison as Markdown, and the lines of its plot. Pure.
import { renderOutcomes, renderTable, round } from '../markdown.ts';
import type { Machine } from '../orders/circumstances.ts';
import { describeLoad, type Load, meanOf, type RunFigures, totalOf } from '../orders/figures.ts';
import { type Comparison, compareRounds, RATIO_NAMES, renderRatio } from '../orders/ratios.ts';
import type { Series } from '../plot.ts';
import type { PeerRun } from './run.ts';
import { describeSystem, isSameSystem, SETTINGS, type System } from './systems.ts';

/** More than this, per core, is work that is not the benchmark's. */
const BUSY_LOAD = 0.3;
const COLOURS = ['#8c959f', '#bc4c00', '#8250df', '#57606a', '#fb8f44', '#bf3989'];
const OURS_COLOUR = '#1f6feb';

/** What the figures depend on. */
export type PeerCircumstances = Machine & {
  /** The load average of the last minute before the start. */
  readonly loadBefore: number;
  /** By package. */
  readonly versions: Readonly<Record<string, string>>;
  readonly dbosConnections: number;
};

/** The figures of all rounds of one load on one system. */
export type PeerSummary = { readonly system: System; readonly load: Load; readonly mean: RunFigures };

/** Ours under one load, compared with a peer. */
export type PeerComparison = Comparison & { readonly peer: System; readonly load: Load };

/** Summarises the runs by system and load: the systems in the order of the first round, ours last. */
export function summarise(runs: readonly PeerRun[]): PeerSummary[] {
  const groups = [
    ...Map.groupBy(runs, ({ system, load }) => `${describeSystem(system)}: ${describeLoad(load)}`).values(),
  ];
  return groups
    .flatMap(([first, ...others]) => (first === undefined ? [] : [[first, ...others] as const]))
    .map((group) => ({ system: group[0].system, load: group[0].load, mean: meanOf(group) }))
    .toSorted((one, other) => orderOf(one.system) - orderOf(other.system));
}

function orderOf({ setting }: System): number {
  return setting === undefined ? SETTINGS.length : SETTINGS.indexOf(setting);
}

/** Compares ours with every peer under every load that both were measured under. */
export function compareWithPeers(runs: readonly PeerRun[]): PeerComparison[] {
  return summarise(runs).flatMap(({ system: peer, load }) => {
    const of = (system: System): PeerRun[] =>
      runs.filter((run) => isSameSystem(run.system, system) && describeLoad(run.load) === describeLoad(load));
    const ours = of({ engine: 'ours' });
    if (peer.engine === 'ours' || ours.length === 0) return [];
    return [{ peer, load, ...compareRounds(ours, of(peer)) }];
  });
}

export function renderReport(runs: readonly PeerRun[], circumstances: PeerCircumstances): string {
  const summaries = summarise(runs);
  const comparisons = compareWithPeers(runs);
  const violations = runs.flatMap(({ system, load, violations: found }) =>
    found.map((violation) => `${describeSystem(system)}, ${describeLoad(load)}: ${violation}`),
  );
  return `${[
    '# An order here and at the peers',
    renderMachine(runs, circumstances),
    ...renderSettings(circumstances),
    '## Figures',
    'Means of the rounds. All costs are per confirmed order and include the work after the answer.',
    renderFigures(summaries),
    'CPU ms per order, by process:',
    renderCounts(summaries, ({ perOrder }) => perOrder.cpuMs),
    'Commits per order, by database:',
    renderCounts(summaries, ({ perOrder }) => perOrder.commits),
    ...(comparisons.length === 0
      ? []
      : [
          '## Ours as a multiple of each peer',
          'The ratio of the means, and in parentheses the lowest and the highest ratio of a round. More is better for orders/s, less for ' +
            'the rest.',
          renderComparisons(comparisons),
        ]),
    violations.length === 0
      ? 'No acknowledged order was lost, and nothing was done twice.'
      : `**Broken**\n\n${violations.map((violation) => `- ${violation}`).join('\n')}`,
  ].join('\n\n')}\n`;
}

function renderMachine(runs: readonly PeerRun[], circumstances: PeerCircumstances): string {
  const { date, commit, node, cores, processor, loadBefore } = circumstances;
  const durabilities = runs.map(
    ({ durability }) => `fsync ${durability.fsync}, synchronous_commit ${durability.synchronousCommit}`,
  );
  const facts =
    `${date}, commit ${commit}. Node ${node}, ${cores} cores (${processor}), shared with the load generator. ` +
    `Postgres, in every system: ${[...new Set(durabilities)].join('; ')}. Load average before the start: ${loadBefore.toFixed(1)}.`;
  if (loadBefore <= BUSY_LOAD * cores) return facts;
  return `${facts}\n\n**The machine was busy with other work: these figures only show that the benchmark works.**`;
}

function renderSettings({ versions, dbosConnections }: PeerCircumstances): string[] {
  const installed = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    '## What is compared',
    'Every system takes a CreateOrderRequest (protobuf, HTTP/2) from the same load generator and answers when the order is confirmed. A ' +
      'caller places its next order after the answer. Each system runs alone, with new databases.',
    [
      '- **over the participant**: reserve, charge, confirm and notify are four idempotent RPCs of one small Connect service. Each is one ' +
        'statement and one commit.',
      '- **over our services**: reserve, charge and confirm are RPCs of this inventory and payment service, which run without the order, ' +
        'notification and analytics services; a declined charge would be released.',
      '- **plain loop**: the steps one after the other; it stores nothing, so a crash leaves an order half done.',
      '- **Restate**: `ctx.run` for each step in a handler of its SDK; one server with its default settings: 24 partitions, a replicated ' +
        'log on one node, fsync of the log on. Clients send an idempotency key. Its log is not in Postgres: it has no commits there.',
      '- **DBOS**: `DBOS.runStep` for each step of a workflow whose id is the idempotency key, retries on; its system database is in the ' +
        `same Postgres, with ${dbosConnections} connections.`,
      '- **ours**: the whole platform, as `make run` starts it. It also checks and prices the order, publishes events ' +
        'through outboxes, sends a mail, feeds analytics, and serves the order to be watched and cancelled.',
    ].join('\n'),
    ...(installed.length === 0 ? [] : [`Versions: ${installed.join(', ')}.`]),
  ];
}

function renderFigures(summaries: readonly PeerSummary[]): string {
  const columns: [string, (figures: RunFigures) => string][] = [
    ['orders/s', ({ ordersPerSecond }) => round(ordersPerSecond)],
    ['p50 ms', ({ p50Ms }) => round(p50Ms)],
    ['p99 ms', ({ p99Ms }) => round(p99Ms)],
    ['CPU ms', ({ perOrder }) => round(totalOf(perOrder.cpuMs))],
    ['commits', ({ perOrder }) => round(totalOf(perOrder.commits))],
    ['WAL KiB', ({ perOrder }) => round(perOrder.walBytes / 1_024)],
    ['outcomes', ({ outcomes }) => renderOutcomes(outcomes)],
    ['generator CPU', ({ generatorCpu }) => `${Math.round(100 * generatorCpu)} %`],
  ];
  return renderTable(
    ['system', 'load', ...columns.map(([name]) => name)],
    summaries.map(({ system, load, mean }) => [...headOf(system, load), ...columns.map(([, render]) => render(mean))]),
  );
}

function renderCounts(
  summaries: readonly PeerSummary[],
  pick: (figures: RunFigures) => Readonly<Record<string, number>>,
): string {
  const names = [...new Set(summaries.flatMap(({ mean }) => Object.keys(pick(mean))))];
  const cell = (value: number | undefined): string => (value === undefined ? '' : round(value));
  return renderTable(
    ['system', 'load', ...names],
    summaries.map(({ system, load, mean }) => [
      ...headOf(system, load),
      ...names.map((name) => cell(pick(mean)[name])),
    ]),
  );
}

function renderComparisons(comparisons: readonly PeerComparison[]): string {
  return renderTable(
    ['peer', 'load', ...RATIO_NAMES.map(([, heading]) => heading)],
    comparisons.map((comparison) => [
      ...headOf(comparison.peer, comparison.load),
      ...RATIO_NAMES.map(([name]) => renderRatio(comparison, name)),
    ]),
  );
}

function headOf(system: System, load: Load): string[] {
  return [describeSystem(system), describeLoad(load)];
}

/** The lines of the plot: one for each system. */
export function toSeries(summaries: readonly PeerSummary[]): Series[] {
  return [...Map.groupBy(summaries, ({ system }) => describeSystem(system))].map(([name, figures], index) => {
    const isOurs = figures[0]?.system.engine === 'ours';
    return { name, colour: isOurs ? OURS_COLOUR : (COLOURS[index % COLOURS.length] ?? OURS_COLOUR), figures };
  });
}
