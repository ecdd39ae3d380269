// The command line of repeated runs.
import { parseArgs } from 'node:util';

export type RepeatSettings = {
  readonly runs: number;
  /** Every further run has the next seed. */
  readonly firstSeed: number;
  /** Passed to vitest: files, `--project unit`, and so on. */
  readonly vitestArguments: readonly string[];
};

const MAX_SEED = 2 ** 32 - 1;

/**
 * Reads `--runs <number> [--seed <number>] [-- <arguments of vitest>]`; the Makefile passes its variables N and SEED.
 *
 * @param chooseSeed the first seed unless one is given
 * @throws {Error} an option is invalid; the message names the variable.
 */
export function readRepeatSettings(given: readonly string[], chooseSeed: () => number): RepeatSettings {
  const { values, positionals } = parseArgs({
    args: [...given],
    options: { runs: { type: 'string' }, seed: { type: 'string' } },
    allowPositionals: true,
  });
  const runs = readInteger(values.runs);
  if (runs === undefined || runs < 1) throw new Error(`N: "${values.runs ?? ''}" is not a positive integer`);
  const firstSeed = values.seed === undefined ? chooseSeed() : readInteger(values.seed);
  if (firstSeed === undefined || firstSeed + runs - 1 > MAX_SEED) {
    throw new Error(`SEED: "${values.seed}" is not an integer from 0 to ${MAX_SEED - runs + 1}`);
  }
  return { runs, firstSeed, vitestArguments: positionals };
}

function readInteger(text = ''): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
