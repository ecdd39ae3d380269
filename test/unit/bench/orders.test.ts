import { expect, it } from 'vitest';
import type { BenchRun } from '../../bench/orders/bench.ts';
import {
  figuresOf,
  meanOf,
  type Reading,
  type RunFigures,
  statementsByService,
  totalOf,
} from '../../bench/orders/figures.ts';
import { parseStat, totalWithChildren } from '../../bench/orders/processor-time.ts';
import { ratiosOf } from '../../bench/orders/ratios.ts';
import { renderReport, summarise, toSeries } from '../../bench/orders/report.ts';
import { readBenchSettings } from '../../bench/orders/settings.ts';
import type { LoadResult } from '../../bench/overload/generator.ts';
import { renderPlot } from '../../bench/plot.ts';

const answered = (outcome: string, count: number): LoadResult['acknowledged'][number][] =>
  Array.from({ length: count }, () => ({ idempotencyKey: '', orderId: '', status: 'CONFIRMED' as const, outcome }));
const load: LoadResult = {
  called: 8,
  acknowledged: [...answered('CONFIRMED', 4), ...answered('PENDING', 1), ...answered('PAYMENT_DECLINED', 1)],
  acceptedMs: [10, 20, 30, 40, 3_000, 5],
  refusedMs: [1],
  otherEnds: { unavailable: 1 },
  seconds: 2,
  cpuShare: 0.25,
  latestMs: 0,
};
const before: Reading = { cpuMs: { order: 100, nats: 10 }, commits: { order: 5 }, statements: undefined, walBytes: 50 };
const after: Reading = {
  cpuMs: { order: 180, nats: 30 },
  commits: { order: 25 },
  statements: undefined,
  walBytes: 4_146,
};
const figures = figuresOf({ kind: 'closed', callers: 8 }, load, before, after);
const faster: RunFigures = {
  ...figures,
  ordersPerSecond: 4,
  p50Ms: 10,
  perOrder: { cpuMs: { order: 8, nats: 2 }, commits: { order: 4 }, statements: undefined, walBytes: 512 },
};
const runs: BenchRun[] = [
  { side: 'baseline', round: 1, violations: [], ...figures },
  { side: 'ours', round: 1, violations: [], ...faster },
];
const circumstances = {
  date: '2030-01-02 03:04',
  commit: 'abc1234',
  baseline: 'def5678',
  node: 'v24.0.0',
  cores: 2,
  processor: 'a processor',
  logLevel: 'info',
  waitsWhenRefused: true,
};
const durability = { fsync: 'on', synchronousCommit: 'on' };

it('counts outcomes, and divides time and costs by the confirmed orders alone', () => {
  expect(figures).toEqual({
    load: { kind: 'closed', callers: 8 },
    seconds: 2,
    ordersPerSecond: 2,
    p50Ms: 20,
    p99Ms: 40,
    outcomes: { confirmed: 4, pending: 1, payment_declined: 1, refused: 1, 'failed: unavailable': 1 },
    perOrder: { cpuMs: { order: 20, nats: 5 }, commits: { order: 5 }, statements: undefined, walBytes: 1_024 },
    generatorCpu: 0.25,
  });
  const none = { ...load, acknowledged: [], acceptedMs: [] };
  expect(() => figuresOf({ kind: 'open', rate: 5 }, none, before, after)).toThrow('5/s: no order was confirmed');
});

it('counts what began during the run from zero', () => {
  const later = { ...after, cpuMs: { ...after.cpuMs, 'order-2': 40 } };

  expect(figuresOf({ kind: 'closed', callers: 8 }, load, before, later).perOrder.cpuMs).toMatchObject({
    'order-2': 10,
  });
});

it('compares the means of the rounds with the baseline', () => {
  const mean = meanOf([figures, faster]);

  expect(mean).toMatchObject({ ordersPerSecond: 3, p50Ms: 15, outcomes: { confirmed: 8 } });
  expect(totalOf(mean.perOrder.cpuMs)).toBe(17.5);
  expect(ratiosOf(faster, figures)).toEqual({
    ordersPerSecond: 2,
    p50: 0.5,
    cpu: 0.4,
    commits: 0.8,
    walBytes: 0.5,
    p99: 1,
  });
});

it('renders the costs of both sides, the ratios and the circumstances as Markdown', () => {
  const report = renderReport({ durability, runs }, circumstances);

  const compact = report.replaceAll(/ +/g, ' ');
  expect(compact).toContain('| 8 callers | 4.00 | 10.0 | 40.0 | 10.0 | 4.00 | 0.50 |');
  expect(compact).toContain('| load | order | nats |');
  expect(compact).toContain(
    '| 8 callers | 2.00 (2.00 to 2.00) | 0.50 (0.50 to 0.50) | 1.00 (1.00 to 1.00) | 0.40 (0.40 to 0.40) |',
  );
  expect(report).toContain('commit abc1234, compared with def5678. Node v24.0.0, 2 cores');
  expect(report).toContain('fsync on, synchronous_commit on');
  expect(report).toContain('A refused caller waits as its RetryInfo says.');
  expect(report).toContain('Every invariant held');
  const broken = runs.map((run) => ({ ...run, violations: ['money: lost'] }));
  expect(renderReport({ durability, runs: broken }, circumstances)).toContain('- 8 callers: money: lost');
});

it('adds up the statements of a service, casts included', () => {
  const calls = { 'order: select 1': 2, "order: select id::text || ':'": 3, 'order-archive: select 1': 4 };

  expect(statementsByService({ calls, ms: {} })).toEqual({ order: 5, 'order-archive': 4 });
});

it('lists the statements by service and by frequency where they are counted', () => {
  const statements = (times: number): Reading['statements'] => ({
    calls: { 'order: begin': 12 * times, 'order: select 1': 4 * times, 'nats: begin': 8 * times },
    ms: { 'order: begin': 2 * times, 'order: select 1': 0, 'nats: begin': 0 },
  });
  const counted = figuresOf(
    { kind: 'closed', callers: 8 },
    load,
    { ...before, statements: statements(1) },
    { ...after, statements: statements(2) },
  );

  const own: BenchRun[] = [{ side: 'ours', round: 1, violations: [], ...counted }];
  const report = renderReport({ durability, runs: own }, circumstances).replaceAll(/ +/g, ' ');
  expect(report).toContain('| load | order | nats |\n| --------- | ----- | ---- |\n| 8 callers | 4.00 | 2.00 |');
  expect(report).toMatch(/3\.00 \| 0\.500 \| `order: begin` \|\n\| 2\.00 .*\n\| 1\.00 .*`order: select 1`/);
});

it('plots a line of each side for throughput and processor time', () => {
  const plot = renderPlot(toSeries(summarise(runs)));

  expect(plot.match(/<polyline /g)).toHaveLength(4);
  // The scale of the left panel ends at 4 orders per second: the baseline's 2 are halfway up.
  expect(plot).toContain('cx="235.0" cy="155.0" r="3" fill="#8c959f"');
  expect(plot).toContain('cx="235.0" cy="50.0" r="3" fill="#1f6feb"');
});

it('reads the processor time of a process, and adds that of its running and ended descendants', () => {
  const stat = (pid: number, name: string, parent: number, ticks: string): string =>
    `${pid} (${name}) S ${parent} 1 1 0 -1 4194304 100 0 0 0 ${ticks} 20 0 1 0 100 1000 10`;
  const all = [
    parseStat(stat(7, 'postgres: (a b) 1', 1, '10 5 30 7')),
    parseStat(stat(8, 'child', 7, '1 1 0 0')),
    parseStat(stat(9, 'grandchild', 8, '2 0 0 0')),
    parseStat(stat(10, 'other', 1, '99 0 0 0')),
  ] as const;

  expect(all[0]).toEqual({ pid: 7, parent: 1, ownMs: 150, endedChildrenMs: 370 });
  expect(totalWithChildren(all[0], all)).toBe(150 + 370 + 20 + 20);
});

it('reads its settings, with defaults', () => {
  expect(readBenchSettings([])).toMatchObject({
    callers: [1, 8, 32, 128],
    seconds: 10,
    warmUpSeconds: 3,
    rate: 'half',
    rounds: 1,
    baseline: undefined,
  });
  expect(readBenchSettings(['--baseline', '/other', '--callers', '4', '--set', 'LOG_LEVEL=warn'])).toMatchObject({
    callers: [4],
    rounds: 2,
    baseline: '/other',
    environment: { LOG_LEVEL: 'warn' },
  });
  expect(
    readBenchSettings(['--baseline', '.', '--set', 'TLS=on', '--baseline-set', 'TLS=off', '--baseline-set', 'A=']),
  ).toMatchObject({ environment: { TLS: 'on' }, baselineEnvironment: { TLS: 'off', A: '' } });
  expect(readBenchSettings(['--help'])).toBeUndefined();
});

it.each<[string, string[], string]>([
  ['no callers', ['--callers', '8,'], '--callers: nothing is not an integer from 1 to 1024'],
  ['the same callers twice', ['--callers', '8,8'], '--callers: 8,8 names a number twice'],
  ['a fraction', ['--seconds', '1.5'], '--seconds: 1.5 is not an integer from 1 to 600'],
  ['a negative rate', ['--rate=-1'], '--rate: -1 is not an integer from 0 to 10000'],
  ['a setting without a value', ['--set', 'LOG_LEVEL'], '--set: LOG_LEVEL is not like LOG_LEVEL=warn'],
  ['a setting of no baseline', ['--baseline-set', 'TLS=off'], '--baseline-set: there is no --baseline'],
  ['an unknown option', ['--fast'], "Unknown option '--fast'"],
  ['a positional argument', ['fast'], "Unexpected argument 'fast'"],
])('refuses %s in one line', (_, given, message) => {
  expect(() => readBenchSettings(given)).toThrow(new RegExp(`^${RegExp.escape(message)}$`));
});
