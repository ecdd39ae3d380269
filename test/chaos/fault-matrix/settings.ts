// What a run of the matrix is asked to do, read from its command line.
import { parseArgs } from 'node:util';

export type MatrixSettings = {
  /** Parts of names of cells, parted by commas; empty for all cells. */
  readonly only: string;
  readonly seed: number;
  /** After this long no further cell begins, in milliseconds. */
  readonly limitMs: number;
  /** Where the report is written as JSON; undefined nowhere. */
  readonly jsonFile: string | undefined;
  /** Only names the cells. */
  readonly isListOnly: boolean;
};

export const HELP = `Places an order under every fault of the fault proxy, on everything that CreateOrder needs.

  node test/chaos/fault-matrix/main.ts [options]

  --only <text>      cells with this in their names, like payment/latency; several are parted by commas
  --seed <number>    repeats the chances of an earlier run; chosen by chance and printed by default
  --seconds <number> after so long no further cell begins, and those left make the run fail: 30 to 3600, 330 by default
  --json <file>      writes the report as JSON
  --list             names the cells, and what is left out and why
  --help             this text

A cell is red when its answer takes longer than 3.0 s, is untyped, blames another dependency, or fails an order that no dependency refused; when the
proxy counted no fault; when a service dies; and when the order does not come to its end once the fault is gone. At the end every invariant has to hold.
Exit code 0 when all is green, else 1.
`;

/** Reads the command line; undefined when help is asked for. Throws Error naming the faulty option. */
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

function readInteger(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${option}: ${text} is not a whole number from ${least} to ${most}`);
}
