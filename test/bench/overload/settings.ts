// What a run of the overload proof is asked to do, read from its command line.
import { parseArgs } from 'node:util';

export type OverloadSettings = {
  /** How long each rate is kept up. */
  readonly seconds: number;
  /** How many times the sustainable rate the platform is asked for. */
  readonly factor: number;
  /** Orders a second that count as sustainable; undefined finds out. */
  readonly rate: number | undefined;
  /** For all services, like MAX_CALLS. */
  readonly environment: Readonly<Record<string, string>>;
  readonly jsonFile: string | undefined;
};

export const HELP = `Usage: make overload [SECONDS=30] [ARGS='...']

Finds the rate of orders the platform can sustain, asks it for ten times as many, and judges what became of them: accepted
orders stay about as fast, all others are refused at once and told when to come back, memory returns, every invariant holds.

  --seconds <n>        how long each rate is kept up: 5 to 600, 30 by default
  --factor <n>         how many times the sustainable rate: 2 to 50, 10 by default
  --rate <n>           takes this many orders a second for sustainable, instead of finding out
  --set <NAME=value>   a setting of all services, like MAX_CALLS=16; may be repeated
  --json <file>        writes the figures as JSON
  --help               this text

Exit code 0 when all of it holds, else 1.
`;

/** Reads the command line; undefined when help is asked for. Throws Error naming the faulty option. */
export function readOverloadSettings(given: readonly string[]): OverloadSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      seconds: { type: 'string', default: '30' },
      factor: { type: 'string', default: '10' },
      rate: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seconds: readWholeNumber('--seconds', values.seconds, 5, 600),
    factor: readWholeNumber('--factor', values.factor, 2, 50),
    rate: values.rate === undefined ? undefined : readWholeNumber('--rate', values.rate, 1, 10_000),
    environment: Object.fromEntries(values.set.map(readSetting)),
    jsonFile: values.json,
  };
}

function readSetting(text: string): [string, string] {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new Error(`--set: ${text} is not like MAX_CALLS=16`);
  return [name, value];
}

function readWholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${option}: ${text} is not a whole number from ${least} to ${most}`);
}
