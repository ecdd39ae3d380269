// The command line of the crash matrix.
import { parseArgs } from 'node:util';
import { services } from '#local/shared/topology.ts';

export type MatrixSettings = {
  /** Only rows of this service; undefined for all. */
  readonly service: string | undefined;
  /** Only rows whose text contains this; undefined for all. */
  readonly only: string | undefined;
  /** How many stacks run rows at the same time. */
  readonly stacks: number;
  /** Whether the points are only listed. */
  readonly isListOnly: boolean;
};

export const HELP = `Kills each service before and after every write, commit, publication, acknowledgement and call, then judges every invariant.

  node test/chaos/crash-matrix/main.ts [options]

  --service <name>      only rows of this service
  --only <text>         only rows whose text contains this
  --stacks <number>     how many stacks run rows at the same time: 1 to 4, 3 by default
  --list                lists the points and runs no row
  --help                this text

SERVICE, ONLY and STACKS in the environment are the same. It takes about nine minutes. Exit code 0 when every row is green.
`;

/**
 * Reads the command line, and what it leaves out from the environment. Returns undefined for `--help`.
 *
 * @throws {Error} an option is invalid; the message names it.
 */
export function readMatrixSettings(
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): MatrixSettings | undefined {
  const { values } = parseArgs({
    args: [...given],
    options: {
      service: { type: 'string' },
      only: { type: 'string' },
      stacks: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    service: readService(values.service ?? environment.SERVICE),
    only: values.only ?? environment.ONLY,
    stacks: readStacks(values.stacks ?? environment.STACKS ?? '3'),
    isListOnly: values.list,
  };
}

function readService(text: string | undefined): string | undefined {
  const names: readonly string[] = services.map(({ name }) => name);
  if (text === undefined || text === '' || names.includes(text)) return text || undefined;
  throw new Error(`--service: ${text} is none of ${names.join(', ')}`);
}

function readStacks(text: string): number {
  const stacks = Number(text);
  if (Number.isInteger(stacks) && stacks >= 1 && stacks <= 4) return stacks;
  throw new Error(`--stacks: ${text} is not a whole number from 1 to 4`);
}
