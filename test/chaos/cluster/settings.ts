// The command line of the cluster test.
import { parseArgs } from 'node:util';

export type ClusterSettings = {
  /** Orders started per second, at most. */
  readonly rate: number;
  /** How long the load goes on after each recovery. */
  readonly pauseMs: number;
  /** Only the kills whose name contains this. */
  readonly only: string;
  /** Where the output of every process is kept; undefined removes it at the end. */
  readonly logFile: string | undefined;
};

export const HELP = `Kills each server and each replica of a cluster in turn, under load, then judges every invariant.

  node test/chaos/cluster/main.ts [options]

  --rate <number>     orders started per second: 1 to 50, 5 by default
  --pause <seconds>   how long the load goes on after each recovery: 0 to 60, 2 by default
  --only <text>       only the kills whose name contains the text, such as broker or order-2
  --log <file>        keeps the output of every process
  --help              this text

Exit code 0 when nothing is lost or doubled and every invariant holds; 1 otherwise.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readClusterSettings(given: readonly string[]): ClusterSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      rate: { type: 'string', default: '5' },
      pause: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      log: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    rate: readNumber('--rate', values.rate, 1, 50),
    pauseMs: 1_000 * readNumber('--pause', values.pause, 0, 60),
    only: values.only,
    logFile: values.log,
  };
}

function readNumber(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option}: ${text} is not a whole number from ${min} to ${max}`);
}
