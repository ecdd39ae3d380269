// The command line and the result of the growth benchmark. Pure.
import { round } from '../markdown.ts';
import { parseOptions, readInteger } from '../options.ts';
import type { RpcFigures } from './measure-rpcs.ts';

export const HELP = `Usage: make bench-growth [ARGS='...']

Measures the platform with histories of different lengths, each on a new platform with durable storage.

  --orders <list>    orders in the history: 1 to 10000000 each, 1000,100000 by default; 1000000 needs 7 GB in the folder of
                     temporary files, and some minutes
  --callers <n>      concurrent callers: 1 to 1024, 32 by default
  --seconds <n>      how long each load is measured: 1 to 600, 10 by default; the idle platform is measured as long
  --warm-up <n>      seconds of the same load before: 0 to 600, 3 by default
  --calls <n>        then calls of each other RPC, one after another: 0 to 10000, 300 by default; 0 omits them and the monitor
  --help             this text
`;

/** The platform itself, with the longest write-ahead log that its Postgres keeps. */
const PLATFORM_BYTES = 700e6;
/** In all databases: 4.3 kB of rows and indexes, the rest while they are filled. */
const BYTES_PER_ORDER = 6_000;

export type GrowthSettings = {
  readonly orders: readonly number[];
  readonly callers: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Of each RPC. */
  readonly calls: number;
};

/** What was measured with one history. */
export type GrowthFigures = {
  readonly orders: number;
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerOrder: number;
  /** The processor time of the idle platform, as a share of one core. */
  readonly idleCpu: number;
  /** Empty unless the RPCs were called. */
  readonly rpcs: readonly RpcFigures[];
};

/**
 * Reads the command line. Returns undefined for `--help`.
 * @throws {InvalidOption} an option is invalid.
 */
export function readGrowthSettings(given: readonly string[]): GrowthSettings | undefined {
  const values = parseOptions(given, {
    orders: { type: 'string', default: '1000,100000' },
    callers: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '3' },
    calls: { type: 'string', default: '300' },
    help: { type: 'boolean', default: false },
  });
  if (values.help) return undefined;
  return {
    orders: values.orders.split(',').map((text) => readInteger('--orders', text, 1, 10_000_000)),
    callers: readInteger('--callers', values.callers, 1, 1_024),
    seconds: readInteger('--seconds', values.seconds, 1, 600),
    warmUpSeconds: readInteger('--warm-up', values['warm-up'], 0, 600),
    calls: readInteger('--calls', values.calls, 0, 10_000),
  };
}

/**
 * Says why the histories do not fit on the disk; undefined when they do. There is one at a time.
 *
 * @param freeBytes Of the file system that holds the databases.
 */
export function findShortage(orders: readonly number[], freeBytes: number): string | undefined {
  const most = Math.max(...orders);
  const needed = PLATFORM_BYTES + most * BYTES_PER_ORDER;
  if (needed <= freeBytes) return undefined;
  return `${most} orders need about ${gigabytes(needed)} GB for temporary files, ${gigabytes(freeBytes)} GB are free`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

/** Renders a table with one line for each history, and each figure as a multiple of the first. */
export function renderGrowth(figures: readonly GrowthFigures[]): string {
  const [first] = figures;
  if (first === undefined) return '';
  const columns: readonly [string, Exclude<keyof GrowthFigures, 'rpcs'>, (value: number) => string][] = [
    ['orders/s', 'ordersPerSecond', (value) => value.toFixed(1)],
    ['p50 ms', 'p50Ms', (value) => value.toFixed(1)],
    ['p99 ms', 'p99Ms', (value) => value.toFixed(1)],
    ['CPU-ms per order', 'cpuMsPerOrder', (value) => value.toFixed(1)],
    ['idle CPU', 'idleCpu', (value) => `${(100 * value).toFixed(1)} %`],
  ];
  const cells = (run: GrowthFigures): string[] =>
    columns.map(([, key, format]) => {
      const ratio = run === first ? '' : ` (${(run[key] / first[key]).toFixed(2)} x)`;
      return `${format(run[key])}${ratio}`;
    });
  return [
    row(['history', ...columns.map(([name]) => name)]),
    row(['---:', ...columns.map(() => '---:')]),
    ...figures.map((run) => row([`${run.orders}`, ...cells(run)])),
  ].join('\n');
}

/** Renders a table with one line for each RPC, and its times with each history as a multiple of those with the first. */
export function renderRpcs(figures: readonly GrowthFigures[]): string {
  const [first] = figures;
  if (first === undefined || first.rpcs.length === 0) return '';
  const cells = (index: number, key: 'p50Ms' | 'p99Ms'): string[] =>
    figures.map(({ rpcs }) => {
      const [ms, firstMs] = [rpcs[index]?.[key] ?? Number.NaN, first.rpcs[index]?.[key] ?? Number.NaN];
      return rpcs === first.rpcs ? round(ms) : `${round(ms)} (${(ms / firstMs).toFixed(2)} x)`;
    });
  const heads = ['p50', 'p99'].flatMap((name) => figures.map(({ orders }) => `${name} ms, ${orders}`));
  return [
    row(['RPC', ...heads]),
    row(['---', ...heads.map(() => '---:')]),
    ...first.rpcs.map(({ name }, index) => row([name, ...cells(index, 'p50Ms'), ...cells(index, 'p99Ms')])),
  ].join('\n');
}

function row(values: readonly string[]): string {
  return `| ${values.join(' | ')} |`;
}
