// The modules of a checkout that the benchmark starts and checks: this one, or an older one with another layout.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type StackModule = typeof import('../../../local/stack/stack.ts');
type LogModule = typeof import('../../../local/stack/log-lines.ts');
type SecretModule = typeof import('../../../local/shared/secrets.ts');
type InvariantsModule = typeof import('../../support/invariants/invariants.ts');

/** Each module with the paths it has had, the current one first. */
const PATHS = {
  stack: ['local/stack/stack.ts', 'services/dev/stack.ts'],
  logLines: ['local/stack/log-lines.ts', 'services/dev/log-lines.ts'],
  secrets: ['local/shared/secrets.ts', 'services/dev/secrets.ts'],
  invariants: ['test/support/invariants/invariants.ts', 'test/support/invariants.ts'],
} as const;

/** Must exist before a checkout can be started; the value is the command that creates it. */
const PREPARED = { node_modules: 'npm ci', 'gen/shop': 'make generate' } as const;

/** Says what a checkout that cannot be started is missing; undefined when it can. */
export function findMissing(root: string): string | undefined {
  const absent = Object.values(PATHS).find((candidates) => locate(root, candidates) === undefined);
  if (absent !== undefined) return `${root} is no checkout of this project: it has no ${absent[0]}`;
  const unprepared = Object.entries(PREPARED).find(([path]) => !existsSync(join(root, path)));
  return unprepared && `${root} has no ${unprepared[0]}: run \`${unprepared[1]}\` there first`;
}

export const importStack = (root: string): Promise<StackModule> => load(root, 'stack');
export const importLogLines = (root: string): Promise<LogModule> => load(root, 'logLines');
export const importSecrets = (root: string): Promise<SecretModule> => load(root, 'secrets');
export const importInvariants = (root: string): Promise<InvariantsModule> => load(root, 'invariants');

async function load<Module>(root: string, name: keyof typeof PATHS): Promise<Module> {
  const path = locate(root, PATHS[name]);
  if (path === undefined) throw new Error(`${root} has no ${PATHS[name][0]}`);
  return (await import(pathToFileURL(path).href)) as Module;
}

function locate(root: string, candidates: readonly string[]): string | undefined {
  return candidates.map((candidate) => join(root, candidate)).find((path) => existsSync(path));
}
