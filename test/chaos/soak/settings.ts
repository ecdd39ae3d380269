// What a soak is asked to do, read from its command line.
import { parseArgs } from 'node:util';

export const MODES = ['kills', 'nats-down', 'postgres-down'] as const;

/** Random SIGKILLs of everything, the broker away for a minute, or the database killed and away again and again. */
export type Mode = (typeof MODES)[number];

export type SoakSettings = {
  readonly mode: Mode;
  readonly minutes: number;
  readonly seed: number;
  /** Orders begun a second, at most. */
  readonly rate: number;
  /** Where every line of every part is kept; undefined throws them away at the end. */
  readonly logFile: string | undefined;
};

export const HELP = `Puts the platform under load, breaks it meanwhile, and judges what is left by every invariant.

  node test/chaos/soak/main.ts [options]

  --mode <mode>         kills (SIGKILLs of services, broker and database), nats-down, postgres-down; kills by default
  --minutes <number>    how long the load lasts: 0.5 to 240; 10 by default, 2 for the other modes
  --seed <number>       repeats the decisions of an earlier run; chosen by chance and printed by default
  --rate <number>       orders begun a second: 1 to 50, 11 by default
  --log <file>          keeps what every part prints
  --help                this text

Exit code 0 when everything holds, 1 when something does not or too little was done to tell.
`;

const DEFAULT_MINUTES: Readonly<Record<Mode, string>> = { kills: '10', 'nats-down': '2', 'postgres-down': '2' };

/** Reads the command line; undefined when help is asked for. Throws Error naming the faulty option. */
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
    seed: values.seed === undefined ? chooseSeed() : readWholeNumber('--seed', values.seed, 0, 2 ** 32 - 1),
    rate: readWholeNumber('--rate', values.rate, 1, 50),
    logFile: values.log,
  };
}

function readWholeNumber(option: string, text: string, least: number, most: number): number {
  const number = readNumber(option, text, least, most);
  if (!Number.isInteger(number)) throw new Error(`${option}: ${text} is not a whole number`);
  return number;
}

function readNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${option}: ${text} is not a number from ${least} to ${most}`);
}
