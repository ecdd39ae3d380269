// The command line of the fault matrix.
import { parseArgs } from 'node:util';

export type MatrixSettings = {
  /** Texts in the names of cells, separated by commas; empty for all cells. */
  readonly only: string;
  readonly seed: number;
  /** No further cell starts after this time, in milliseconds. */
  readonly limitMs: number;
  /** The file of the JSON report; undefined for none. */
  readonly jsonFile: string | undefined;
  /** Only lists the cells. */
  readonly isListOnly: boolean;
};

export const HELP = `Places an order under every fault of the fault proxy, on every dependency of CreateOrder.

  node test/chaos/fault-matrix/main.ts [options]

  --only <text>      cells with this text in their names, like payment/latency; several, separated by commas
  --seed <number>    repeats the random decisions of an earlier run; random and printed by default
  --seconds <number> no further cell starts after this time, and the run fails if any is left: 30 to 3600, 330 by default
  --json <file>      writes the report as JSON
  --list             lists the cells, and the skipped ones with the reason
  --help             this text

A cell is red when its answer takes longer than 3.0 s, is untyped, names the wrong dependency, or fails an order without a refusal;
when the proxy counted no hit; when a service dies; and when the order does not reach its end state after the fault. At the end every
invariant has to hold. Exit code 0 when all is green, else 1.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readMatrixSettings(given: readonly string[], chooseSeed: () => number): MatrixSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      only: { type: 'string', default: '' },
      seed: { type: 'string' },
      seconds: { type: 'string', default: '330' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    only: values.only,
    seed: values.seed === undefined ? chooseSeed() : readInteger('--seed', values.seed, 0, 2 ** 32 - 1),
    limitMs: 1_000 * readInteger('--seconds', values.seconds, 30, 3_600),
    jsonFile: values.json,
    isListOnly: values.list,
  };
}

function readInteger(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option}: ${text} is not an integer from ${min} to ${max}`);
}
