// The command line of an abuse run.
import { parseArgs } from 'node:util';

export type AbuseSettings = {
  /** How long each attack lasts, and honest orders are measured before it. */
  readonly seconds: number;
  /** The attacks to run; undefined runs all. */
  readonly only: string | undefined;
  readonly ordersPerSecond: number;
};

export const HELP = `Usage: make abuse [ONLY='stalled'] [ARGS='...']

Starts the platform and attacks its order service, one attack at a time and on this machine only, while customers order at a steady
pace. Honest orders must be accepted with a p99 of at most twice that without an attack, health must stay SERVING, and the memory
must come back.

  --only <text>        the attacks whose name contains this text
  --seconds <n>        how long each attack lasts: 3 to 60, 12 by default
  --rate <n>           honest orders per second: 1 to 50, 8 by default
  --help               this text

Exit code 0 when the service withstands every attack, else 1.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readAbuseSettings(given: readonly string[]): AbuseSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '12' },
      rate: { type: 'string', default: '8' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    only: values.only,
    seconds: readInteger('--seconds', values.seconds, 3, 60),
    ordersPerSecond: readInteger('--rate', values.rate, 1, 50),
  };
}

function readInteger(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option}: ${text} is not an integer from ${min} to ${max}`);
}
