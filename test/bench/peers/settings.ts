// The command line of the comparison with the peers.
import { resolve } from 'node:path';
import { InvalidOption, parseOptions, readCallers, readInteger } from '../options.ts';
import { ENGINES, type Engine, SETTINGS, type Setting } from './systems.ts';

export type PeerSettings = {
  readonly engines: readonly Engine[];
  readonly settings: readonly Setting[];
  /** The concurrent callers of each load. */
  readonly callers: readonly number[];
  /** How long each load is measured at most. */
  readonly seconds: number;
  /** The most orders of each load; undefined: as many as fit in the time. */
  readonly orders: number | undefined;
  readonly warmUpSeconds: number;
  readonly rounds: number;
  /** The folder of the results. */
  readonly output: string;
};

const OUTPUT = 'test/bench/results';

export const HELP = `Usage: make bench-peers [ARGS='...']

Places the same orders with a plain loop, with Restate, with DBOS and with this platform, in turns: orders per second, latency,
processor time of each process, commits. The peers run the steps of an order over a minimal participant, and over this
project's inventory and payment services. They are installed from the npm registry at the first run (270 MB).

  --only <list>        who is measured: ${ENGINES.join(',')} by default
  --setting <name>     measure one setting: ${SETTINGS.join(' or ')}
  --callers <list>     concurrent callers of each load: 1 to 1024 each, 1,32 by default
  --seconds <n>        how long each load is measured at most: 1 to 600, 4 by default
  --orders <n>         ends a load early, after so many orders: 1 to 1000000
  --warm-up <n>        seconds of the same load before, and of 16 callers after a start: 0 to 600, 2 by default
  --rounds <n>         how often each system is started and measured: 1 to 20, 3 by default
  --output <dir>       the folder of the results, ${OUTPUT} by default
  --help               this text

With the defaults it takes about 10 minutes. The figures hold for a machine that does nothing else.

Exit code 0; 1 when an order was lost or a system fails; 2 for an invalid option, or when a peer is not installed or does not run here.
`;

/**
 * Reads the command line. Returns undefined for `--help`.
 *
 * @throws {InvalidOption} an option is invalid.
 */
export function readPeerSettings(given: readonly string[]): PeerSettings | undefined {
  const values = parseOptions(given, {
    only: { type: 'string', default: ENGINES.join(',') },
    setting: { type: 'string' },
    callers: { type: 'string', default: '1,32' },
    seconds: { type: 'string', default: '4' },
    orders: { type: 'string' },
    'warm-up': { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    output: { type: 'string', default: OUTPUT },
    help: { type: 'boolean', default: false },
  });
  if (values.help) return undefined;
  return {
    engines: readNames('--only', values.only.split(','), ENGINES),
    settings: values.setting === undefined ? SETTINGS : readNames('--setting', [values.setting], SETTINGS),
    callers: readCallers('--callers', values.callers),
    seconds: readInteger('--seconds', values.seconds, 1, 600),
    orders: values.orders === undefined ? undefined : readInteger('--orders', values.orders, 1, 1_000_000),
    warmUpSeconds: readInteger('--warm-up', values['warm-up'], 0, 600),
    rounds: readInteger('--rounds', values.rounds, 1, 20),
    output: resolve(values.output),
  };
}

function readNames<Name extends string>(option: string, given: readonly string[], known: readonly Name[]): Name[] {
  return given.map((text) => {
    const name = known.find((candidate) => candidate === text);
    if (name !== undefined) return name;
    throw new InvalidOption(`${option}: ${text === '' ? 'nothing' : text} is none of ${known.join(', ')}`);
  });
}
