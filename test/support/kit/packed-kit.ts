// The two published packages as their users get them: packed, and installed into an empty folder.
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/**
 * The environment of a user's programs. With vitest's variables, an inner vitest would treat itself as part of this run. NODE_OPTIONS
 * selects the packages' sources, which the tarballs do not contain.
 */
export const USER_ENVIRONMENT: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST') && name !== 'NODE_OPTIONS'),
);

/** The longest an installation from a slow registry may take; for the limits of tests that install packages. */
export const INSTALL_LIMIT_MS = 400_000;

/** Packs both packages below `base`, and returns the paths of the tarballs. */
export async function packKit(base: string): Promise<string[]> {
  const packages = join(base, 'packages');
  // A copy: packing writes `dist`, which must not appear in the working tree.
  const copy = join(base, 'copy');
  await mkdir(packages, { recursive: true });
  for (const path of ['package.json', 'tsconfig.json', 'packages']) {
    await cp(join(ROOT, path), join(copy, path), { recursive: true, filter: isSource });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await runTool('npm', ['pack', '--workspaces', '--pack-destination', packages], copy);
  return (await readdir(packages)).map((name) => join(packages, name));
}

function isSource(path: string): boolean {
  return !['node_modules', 'dist'].includes(basename(path));
}

/** Creates a project of ES modules, and installs the packed kit and further packages, given as npm takes them. */
export async function createProject(
  directory: string,
  tarballs: readonly string[],
  packages: string[] = [],
): Promise<void> {
  const dependencies = Object.fromEntries(tarballs.map((path) => [nameOf(path), `file:${path}`]));
  // Each tarball stands for its package everywhere. Without it npm asks the registry for the one that the other depends on, where it is
  // not published; a slow registry takes minutes to say so.
  const overrides = Object.fromEntries(Object.keys(dependencies).map((name) => [name, `$${name}`]));
  const manifest = { private: true, type: 'module', dependencies, overrides };
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify(manifest));
  await runTool('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], directory);
}

/** Returns the package that `npm pack` named the tarball after. */
function nameOf(path: string): string {
  const name = basename(path).match(/^touchstone-(.+)-\d+\.\d+\.\d+\.tgz$/)?.[1];
  if (name === undefined) throw new Error(`${path} is no tarball of a package of this repository`);
  return `@touchstone/${name}`;
}

/** Runs a program in a folder, and returns its output. */
export async function runTool(program: string, given: readonly string[], directory: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, given, {
    cwd: directory,
    env: USER_ENVIRONMENT,
    timeout: INSTALL_LIMIT_MS,
  });
  return stdout;
}
