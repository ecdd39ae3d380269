// A copy of the repository for mutants, in a temporary folder: node_modules is linked, everything else is copied.
import { type ExecFileException, execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { readResults, type TestResults } from './judge.ts';
import { findPatchProblem, type Mutant, type NamedTest } from './mutant.ts';

const COPIED = [
  'gen',
  'proto',
  'services',
  'packages',
  'local',
  'docs',
  'test',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];
const NOT_COPIED = /\/(node_modules|dist|\.data)$/;
const WORKSPACES = { 'rpc-server': 'packages/rpc-server', kit: 'packages/kit' };
const TYPECHECK_LIMIT_MS = 120_000;
const TESTS_LIMIT_MS = 300_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export type Sandbox = AsyncDisposable & {
  /**
   * Applies a mutant; disposal restores the file.
   *
   * @throws {Error} the mutant cannot be applied.
   */
  apply(mutant: Mutant): Promise<AsyncDisposable>;
  /** Returns the output of the type checker; empty when there are no errors. */
  findTypeErrors(): Promise<string>;
  /**
   * Runs only the named tests.
   *
   * @throws {Error} vitest wrote no results.
   */
  runTests(tests: readonly NamedTest[]): Promise<TestResults>;
};

/** Copies the repository at `root`. */
export async function openSandbox(root: string, signal: AbortSignal): Promise<Sandbox> {
  const folder = await createGuardedDirectory('touchstone-mutants');
  const copy = join(folder.path, 'copy');
  await copyRepository(root, copy);
  const run = (command: string, args: readonly string[], timeout: number, environment: Record<string, string> = {}) =>
    runCommand(join(root, 'node_modules/.bin', command), args, { cwd: copy, timeout, environment, signal });
  return {
    apply: async (mutant) => {
      const file = join(copy, mutant.file);
      const text = await readFile(file, 'utf8');
      const problem = findPatchProblem(mutant, text);
      if (problem !== undefined) throw new Error(`it does not apply to ${mutant.file}: ${problem}`);
      await writeFile(
        file,
        text.replace(mutant.search, () => mutant.replacement),
      );
      return { [Symbol.asyncDispose]: () => writeFile(file, text) };
    },
    findTypeErrors: async () => {
      const { failed, output } = await run('tsc', ['--project', 'tsconfig.json'], TYPECHECK_LIMIT_MS);
      return failed ? output : '';
    },
    runTests: async (tests) => {
      const results = join(folder.path, 'results.json');
      await rm(results, { force: true });
      const files = [...new Set(tests.map(({ file }) => file))];
      const names = tests.map(({ name }) => escapePattern(name)).join('|');
      const args = ['run', ...files, '--testNamePattern', names, '--bail', '0'];
      const { output } = await run('vitest', args, TESTS_LIMIT_MS, { TEST_RESULTS_FILE: results });
      try {
        return readResults(await readFile(results, 'utf8'));
      } catch (cause) {
        throw new Error(`vitest wrote no results: ${output.trim().slice(-500)}`, { cause });
      }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function copyRepository(root: string, copy: string): Promise<void> {
  await mkdir(copy);
  for (const name of COPIED) {
    await cp(join(root, name), join(copy, name), { recursive: true, filter: (path) => !NOT_COPIED.test(path) });
  }
  const packages = join(copy, 'node_modules');
  await mkdir(join(packages, '@touchstone'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    // Not the cache of vitest: both would write to it.
    if (name !== '@touchstone' && !name.startsWith('.vite')) {
      await symlink(join(root, 'node_modules', name), join(packages, name));
    }
  }
  // The workspaces have to be those of the copy, not of the original.
  for (const [name, path] of Object.entries(WORKSPACES)) {
    await symlink(join(copy, path), join(packages, '@touchstone', name));
  }
}

type CommandOptions = {
  readonly cwd: string;
  readonly timeout: number;
  readonly environment: Record<string, string>;
  readonly signal: AbortSignal;
};

function runCommand(command: string, args: readonly string[], options: CommandOptions) {
  const { cwd, timeout, environment, signal } = options;
  const env = { ...process.env, ...environment, NO_COLOR: '1' };
  return new Promise<{ failed: boolean; output: string }>((resolve, reject) => {
    const settle = (error: ExecFileException | null, stdout: string, stderr: string): void => {
      if (signal.aborted) reject(new Error('called off'));
      else
        resolve({ failed: error !== null, output: `${stdout}${stderr}${error?.killed ? '\nit took too long' : ''}` });
    };
    execFile(command, args, { cwd, timeout, env, signal, maxBuffer: MAX_OUTPUT_BYTES }, settle);
  });
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
