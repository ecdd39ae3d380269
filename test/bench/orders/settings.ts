// The command line of the benchmark.
import { resolve } from 'node:path';
import { InvalidOption, parseOptions, readCallers, readInteger, readSetting } from '../options.ts';

export type BenchSettings = {
  /** The concurrent callers of each closed load. */
  readonly callers: readonly number[];
  /** How long each load is measured. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** The orders per second of the open load: `half` of what 32 callers reach, or 0 for none. */
  readonly rate: number | 'half';
  readonly rounds: number;
  /** The checkout to compare with. */
  readonly baseline: string | undefined;
  readonly countsStatements: boolean;
  /** Whether a refused caller waits as its RetryInfo says, instead of calling again at once. */
  readonly waitsWhenRefused: boolean;
  /** Settings for all services, like LOG_LEVEL=warn. */
  readonly environment: Readonly<Record<string, string>>;
  /** Settings that only the baseline's services have; they override the others. */
  readonly baselineEnvironment: Readonly<Record<string, string>>;
  /** The folder of the results. */
  readonly output: string;
};

const OUTPUT = 'test/bench/results';

export const HELP = `Usage: make bench [BASELINE=<checkout>] [ARGS='...']

Measures what an order costs: orders per second, latency, processor time of each process, commits and bytes of write-ahead log.

  --callers <list>     concurrent callers of each closed load: 1 to 1024 each, 1,8,32,128 by default
  --seconds <n>        how long each load is measured: 1 to 600, 10 by default
  --warm-up <n>        seconds of the same load before, and of 16 callers after a start: 0 to 600, 3 by default
  --rate <n>           orders per second of the open load: half of what 32 callers reach by default; 0 leaves it out
  --baseline <dir>     another checkout of this project, measured in turns with this one; its packages are installed and its
                       code is generated
  --rounds <n>         how often each checkout is measured: 1 to 20, 1 by default, 2 with --baseline
  --statements         counts SQL statements as well, which takes some processor time
  --patient            a refused caller waits as its RetryInfo says; without, it places the next order at once
  --set <NAME=value>   a setting of all services, like LOG_LEVEL=warn; may be repeated
  --baseline-set <NAME=value>
                       the same for the baseline only: \`BASELINE=. ARGS='--set TLS=on --baseline-set TLS=off'\` measures what
                       TLS costs
  --output <dir>       the folder of the results, ${OUTPUT} by default
  --help               this text

Exit code 0; 1 when an invariant is violated or the platform fails; 2 for an invalid option.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {InvalidOption} an option is invalid.
 */
export function readBenchSettings(given: readonly string[]): BenchSettings | undefined {
  const values = parse(given);
  if (values.help) return undefined;
  return {
    callers: readCallers('--callers', values.callers),
    seconds: readInteger('--seconds', values.seconds, 1, 600),
    warmUpSeconds: readInteger('--warm-up', values['warm-up'], 0, 600),
    rate: values.rate === undefined ? 'half' : readInteger('--rate', values.rate, 0, 10_000),
    rounds: readInteger('--rounds', values.rounds ?? (values.baseline === undefined ? '1' : '2'), 1, 20),
    baseline: values.baseline === undefined ? undefined : resolve(values.baseline),
    countsStatements: values.statements,
    waitsWhenRefused: values.patient,
    environment: Object.fromEntries(values.set.map((text) => readSetting('--set', text))),
    baselineEnvironment: readBaselineSettings(values),
    output: resolve(values.output),
  };
}

function parse(given: readonly string[]) {
  return parseOptions(given, {
    callers: { type: 'string', default: '1,8,32,128' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '3' },
    rate: { type: 'string' },
    baseline: { type: 'string' },
    rounds: { type: 'string' },
    statements: { type: 'boolean', default: false },
    patient: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
    'baseline-set': { type: 'string', multiple: true, default: [] },
    output: { type: 'string', default: OUTPUT },
    help: { type: 'boolean', default: false },
  });
}

function readBaselineSettings(values: ReturnType<typeof parse>): Record<string, string> {
  const settings = values['baseline-set'];
  if (settings.length > 0 && values.baseline === undefined)
    throw new InvalidOption('--baseline-set: there is no --baseline');
  return Object.fromEntries(settings.map((text) => readSetting('--baseline-set', text)));
}
