// The command line of the chaos experiments.
import { parseArgs } from 'node:util';

export type ChaosSettings = {
  /** The names of the chosen experiments, in order; undefined for all. */
  readonly experiments: readonly string[] | undefined;
  readonly seed: number;
  /** The folder of the reports and of the log of all processes. */
  readonly folder: string;
  readonly list: boolean;
};

export const HELP = `Runs chaos experiments against a local platform, one after the other, and gives a verdict on each.

  node test/chaos/experiments/main.ts [options] [experiment ...]

  --list                lists the experiments and what each breaks
  --seed <number>       repeats the decisions of an earlier run; random and printed by default
  --report <folder>     where report.md, report.json and processes.log are written; .data/chaos by default
  --help                this text

Without a name all experiments run. Exit code 0 when all of them are upheld (or skipped with a reason), 1 when one is refuted,
aborted, or its fault had no effect, 2 when an option is invalid.
`;

/** An invalid option; the message names it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {SettingsError} an option or the name of an experiment is invalid.
 */
export function readChaosSettings(
  given: readonly string[],
  known: readonly string[],
  chooseSeed: () => number,
): ChaosSettings | undefined {
  const { values, positionals } = parse(given);
  if (values.help) return undefined;
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new SettingsError(`${unknown} is no experiment; the experiments are ${known.join(', ')}`);
  return {
    experiments: positionals.length === 0 ? undefined : [...new Set(positionals)],
    seed: values.seed === undefined ? chooseSeed() : readSeed(values.seed),
    folder: values.report,
    list: values.list,
  };
}

function parse(given: readonly string[]) {
  try {
    return parseArgs({
      args: [...given],
      allowPositionals: true,
      options: {
        seed: { type: 'string' },
        report: { type: 'string', default: '.data/chaos' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    // parseArgs throws TypeError for an unknown option, or one without its value.
    if (error instanceof TypeError) throw new SettingsError(error.message, { cause: error });
    throw error;
  }
}

function readSeed(text: string): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (seed >= 0 && seed < 2 ** 32) return seed;
  throw new SettingsError(`--seed: ${text} is not an integer from 0 to ${2 ** 32 - 1}`);
}
