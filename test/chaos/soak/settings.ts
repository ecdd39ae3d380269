// The command line of a soak.
import { parseArgs } from 'node:util';

export const MODES = ['kills', 'nats-down', 'postgres-down'] as const;

/** Random SIGKILLs of all processes; the broker down for a minute; the database killed and down again and again. */
export type Mode = (typeof MODES)[number];

export type SoakSettings = {
  readonly mode: Mode;
  readonly minutes: number;
  readonly seed: number;
  /** Orders started per second, at most. */
  readonly rate: number;
  /** Where the output of every process is kept; undefined removes it at the end. */
  readonly logFile: string | undefined;
};

export const HELP = `Runs the platform under load while it is broken on purpose, then judges every invariant.

  node test/chaos/soak/main.ts [options]

  --mode <mode>         kills (SIGKILLs of services, broker and database), nats-down, postgres-down; kills by default
  --minutes <number>    how long the load lasts: 0.5 to 240; 10 by default, 2 for the other modes
  --seed <number>       repeats the decisions of an earlier run; random and printed by default
  --rate <number>       orders started per second: 1 to 50, 11 by default
  --log <file>          keeps the output of every process
  --help                this text

Exit code 0 when everything holds; 1 when something does not hold, or too little was done to prove it.
`;

const DEFAULT_MINUTES: Readonly<Record<Mode, string>> = { kills: '10', 'nats-down': '2', 'postgres-down': '2' };

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readSoakSettings(given: readonly string[], chooseSeed: () => number): SoakSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      mode: { type: 'string', default: 'kills' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      rate: { type: 'string', default: '11' },
      log: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const mode = MODES.find((known) => known === values.mode);
  if (mode === undefined) throw new Error(`--mode: ${values.mode} is none of ${MODES.join(', ')}`);
  return {
    mode,
    minutes: readNumber('--minutes', values.minutes ?? DEFAULT_MINUTES[mode], mode === 'nats-down' ? 1.5 : 0.5, 240),
    seed: values.seed === undefined ? chooseSeed() : readInteger('--seed', values.seed, 0, 2 ** 32 - 1),
    rate: readInteger('--rate', values.rate, 1, 50),
    logFile: values.log,
  };
}

function readInteger(option: string, text: string, min: number, max: number): number {
  const number = readNumber(option, text, min, max);
  if (!Number.isInteger(number)) throw new Error(`${option}: ${text} is not an integer`);
  return number;
}

function readNumber(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,10}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option}: ${text} is not a number from ${min} to ${max}`);
}
