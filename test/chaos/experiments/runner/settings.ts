// What a run of experiments is asked to do, read from its command line.
import { parseArgs } from 'node:util';

export type ChaosSettings = {
  /** Names of experiments, in the order asked for; undefined for all. */
  readonly experiments: readonly string[] | undefined;
  readonly seed: number;
  /** The folder of the reports and of what the parts print. */
  readonly folder: string;
  readonly lists: boolean;
};

export const HELP = `Breaks the platform on purpose, one experiment after the other, and rules on each.

  node test/chaos/experiments/main.ts [options] [experiment ...]

  --list                names the experiments and what each breaks
  --seed <number>       repeats the decisions of an earlier run; chosen by chance and printed by default
  --report <folder>     where report.md, report.json and parts.log are written; .data/chaos by default
  --help                this text

Without a name all experiments are done. Exit code 0 when all of them are upheld (or skipped with a reason), 1 when one is refuted,
aborted, or its fault did not measureEffect, 2 when an option is wrong.
`;

/** An option that cannot be used; the message names it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Reads the command line; undefined when help is asked for. Throws SettingsError naming the faulty option or experiment. */
export function readChaosSettings(
  given: readonly string[],
  known: readonly string[],
  chooseSeed: () => number,
): ChaosSettings | undefined {
  const { values, positionals } = parse(given);
  if (values.help) return undefined;
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new SettingsError(`${unknown} is no experiment; they are ${known.join(', ')}`);
  return {
    experiments: positionals.length === 0 ? undefined : [...new Set(positionals)],
    seed: values.seed === undefined ? chooseSeed() : readSeed(values.seed),
    folder: values.report,
    lists: values.list,
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
    // An option that it does not know, or without its value.
    if (error instanceof TypeError) throw new SettingsError(error.message, { cause: error });
    throw error;
  }
}

function readSeed(text: string): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (seed >= 0 && seed < 2 ** 32) return seed;
  throw new SettingsError(`--seed: ${text} is not a whole number from 0 to ${2 ** 32 - 1}`);
}
