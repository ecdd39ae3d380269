// The command line of a profile.
import { resolve } from 'node:path';
import { InvalidOption, parseOptions, readInteger, readSetting } from '../options.ts';

/** The processes that can be profiled: those that run on Node. */
export const PROFILED = [
  'order',
  'inventory',
  'payment',
  'notification',
  'analytics',
  'provider',
  'mailbox',
  'supervisor',
] as const;

export type ProfileSettings = {
  readonly service: (typeof PROFILED)[number];
  readonly callers: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Settings for all services, like LOG_LEVEL=warn. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder of the results. */
  readonly output: string;
};

const OUTPUT = 'test/bench/results';

export const HELP = `Usage: make profile SERVICE=<name> [ARGS='...']

Starts the platform, places orders, and shows where one process spends its processor time: a flame graph (SVG), V8's own
profile for Chrome's developer tools, and the hottest functions as a list.

  SERVICE=<name>       ${PROFILED.slice(0, 5).join(', ')},
                       ${PROFILED.slice(5).join(', ')}
  --callers <n>        callers that place orders, one after the other: 1 to 1024, 8 by default
  --seconds <n>        how long: 1 to 600, 10 by default
  --warm-up <n>        seconds of the same load before: 0 to 600, 5 by default
  --set <NAME=value>   a setting of all services, like LOG_LEVEL=warn; may be repeated
  --output <dir>       the folder of the results, ${OUTPUT} by default
  --help               this text

Exit code 0; 1 when the platform fails; 2 for an invalid option.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {InvalidOption} an option is invalid.
 */
export function readProfileSettings(given: readonly string[]): ProfileSettings | undefined {
  const values = parseOptions(given, {
    service: { type: 'string' },
    callers: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '5' },
    set: { type: 'string', multiple: true, default: [] },
    output: { type: 'string', default: OUTPUT },
    help: { type: 'boolean', default: false },
  });
  if (values.help) return undefined;
  const service = PROFILED.find((name) => name === values.service);
  if (service === undefined) {
    throw new InvalidOption(`SERVICE: ${values.service ?? 'nothing'} is none of ${PROFILED.join(', ')}`);
  }
  return {
    service,
    callers: readInteger('--callers', values.callers, 1, 1_024),
    seconds: readInteger('--seconds', values.seconds, 1, 600),
    warmUpSeconds: readInteger('--warm-up', values['warm-up'], 0, 600),
    environment: Object.fromEntries(values.set.map((text) => readSetting('--set', text))),
    output: resolve(values.output),
  };
}
