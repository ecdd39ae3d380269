// The command line of an overload run.
import { parseOptions, readInteger, readSetting } from '../options.ts';

export type OverloadSettings = {
  /** How long each rate is measured. */
  readonly seconds: number;
  /** The overload as a multiple of the sustainable rate. */
  readonly factor: number;
  /** The sustainable rate in orders per second; undefined measures it. */
  readonly rate: number | undefined;
  /** Settings for all services, like MAX_CALLS. */
  readonly environment: Readonly<Record<string, string>>;
  readonly jsonFile: string | undefined;
};

export const HELP = `Usage: make overload [SECONDS=30] [ARGS='...']

Finds the rate of orders the platform can sustain, requests ten times as many, and checks the promises: accepted orders stay
about as fast, all others are refused at once with a retry delay, memory is freed, every invariant holds.

  --seconds <n>        how long each rate is measured: 5 to 600, 30 by default
  --factor <n>         the overload as a multiple of the sustainable rate: 2 to 50, 10 by default
  --rate <n>           the sustainable rate in orders per second, instead of measuring it
  --set <NAME=value>   a setting of all services, like MAX_CALLS=16; may be repeated
  --json <file>        writes the figures as JSON
  --help               this text

Exit code 0 when all promises hold, else 1.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {InvalidOption} an option is invalid.
 */
export function readOverloadSettings(given: readonly string[]): OverloadSettings | undefined {
  const values = parseOptions(given, {
    seconds: { type: 'string', default: '30' },
    factor: { type: 'string', default: '10' },
    rate: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  });
  if (values.help) return undefined;
  return {
    seconds: readInteger('--seconds', values.seconds, 5, 600),
    factor: readInteger('--factor', values.factor, 2, 50),
    rate: values.rate === undefined ? undefined : readInteger('--rate', values.rate, 1, 10_000),
    environment: Object.fromEntries(values.set.map((text) => readSetting('--set', text))),
    jsonFile: values.json,
  };
}
