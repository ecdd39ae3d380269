// The command line of `make fuzz`.
import { parseArgs } from 'node:util';

export type FuzzSettings = {
  /** The services to fuzz; undefined fuzzes all. */
  readonly only: string | undefined;
  readonly seed: number;
  /** For each service. */
  readonly calls: number;
  /** For each service. */
  readonly seconds: number;
  /** For each consumer and type of event; 0 leaves events out. */
  readonly events: number;
};

export const HELP = `Usage: make fuzz [ONLY=order] [SEED=<n>] [ARGS='...']

Starts a platform of its own, with data in a temporary folder, and runs \`kit fuzz\` against each of its services, one after the other,
with the token of an operator. Then publishes valid, boundary and broken events to each consumer, and reports one that stops, loses events,
or applies one that is broken.

  --only <text>        the services whose name contains this text
  --seed <n>           seed of all random choices; a new one by default, which is printed
  --calls <n>          calls for each service: 100 to 100000, 3000 by default
  --seconds <n>        time for each service: 5 to 600, 60 by default
  --events <n>         events of each type for each of its consumers: 0 to 10000, 40 by default
  --help               this text

Exit code 0 when nothing is found, else 1.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readFuzzSettings(given: readonly string[]): FuzzSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: String(Math.trunc(Math.random() * 2 ** 31)) },
      calls: { type: 'string', default: '3000' },
      seconds: { type: 'string', default: '60' },
      events: { type: 'string', default: '40' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    only: values.only,
    seed: readInteger('--seed', values.seed, 0, 2 ** 32),
    calls: readInteger('--calls', values.calls, 100, 100_000),
    seconds: readInteger('--seconds', values.seconds, 5, 600),
    events: readInteger('--events', values.events, 0, 10_000),
  };
}

function readInteger(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option}: must be a whole number from ${min} to ${max}, is ${text}`);
}
