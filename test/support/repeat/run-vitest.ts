// One run of vitest as a process, alone or beside a process that keeps a core busy. Neither can outlive this process.
import type { ChildProcess } from 'node:child_process';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import type { Run } from './repeat.ts';
import type { RunResult } from './report.ts';
import { listFailures, NO_TEST_FAILED } from './run-results.ts';

export type VitestOptions = {
  /** The repository. */
  readonly root: string;
  /** Where the output of failed runs is kept, relative to the repository. */
  readonly folder: string;
  readonly arguments: readonly string[];
  /** The longest that a run may take. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
};

/** Runs vitest once, in the order of the seed. Ends it when the signal aborts or the limit passes. */
export async function runVitest({ seed, hasBusyCore }: Run, options: VitestOptions): Promise<RunResult> {
  const { root, folder, limitMs } = options;
  const log = join(folder, `${seed}.log`);
  const resultsFile = join(root, folder, `${seed}.json`);
  await mkdir(join(root, folder), { recursive: true });
  // Otherwise a run that writes no results would have those of an earlier run that was killed.
  await rm(resultsFile, { force: true });
  const begin = performance.now();
  await using _core = hasBusyCore ? startBusyCore(limitMs) : undefined;
  await using output = await open(join(root, log), 'w');
  const limit = AbortSignal.timeout(limitMs);
  const order = ['--sequence.shuffle.files', '--sequence.shuffle.tests', `--sequence.seed=${seed}`];
  const vitest = spawnGuarded(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...order, ...options.arguments],
    {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', TEST_RESULTS_FILE: resultsFile },
      stdio: ['ignore', output.fd, output.fd],
    },
  );
  await endedBefore(vitest, AbortSignal.any([options.signal, limit]));

  const seconds = (performance.now() - begin) / 1_000;
  const failures = limit.aborted
    ? [`the run did not end within ${limitMs / 1_000} s`]
    : await readFailures(resultsFile, root);
  if (failures.length === 0 && vitest.exitCode !== 0) failures.push(NO_TEST_FAILED);
  await rm(resultsFile, { force: true });
  if (failures.length === 0) await rm(join(root, log));
  return { seed, hasBusyCore, seconds, failures, log };
}

type BusyCore = AsyncDisposable & {
  /** Resolves when the process has ended; to null when it was stopped. */
  readonly exitCode: Promise<number | null>;
};

/** Keeps one core busy until it is disposed, and no longer than the limit. */
export function startBusyCore(limitMs: number): BusyCore {
  const loop = `const end = Date.now() + ${limitMs}; while (Date.now() < end);`;
  const child = spawnGuarded(process.execPath, ['--eval', loop], { stdio: 'ignore' });
  return {
    exitCode: new Promise((resolve) => child.once('exit', resolve)),
    [Symbol.asyncDispose]: () => stopGuarded(child),
  };
}

/** Resolves when the process has ended; stops it when the signal aborts. */
async function endedBefore(child: ChildProcess, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve());
    child.once('error', reject);
  });
  const stop = (): void => void stopGuarded(child);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted && !hasEnded(child)) stop();
  await ended;
  signal.removeEventListener('abort', stop);
}

/** The failures that vitest wrote; none when it ended before it wrote any. */
async function readFailures(resultsFile: string, root: string): Promise<string[]> {
  try {
    return listFailures(await readFile(resultsFile, 'utf8'), root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
