// One of repeated runs: vitest as a process, and the process that keeps a core busy.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { NO_TEST_FAILED } from '../../support/repeat/run-results.ts';
import { runVitest, startBusyCore } from '../../support/repeat/run-vitest.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CONFIG = 'test/e2e/test-runs/fixtures/vitest.config.ts';
const LIMIT_MS = 60_000;

const running = new AbortController().signal;

/** A folder for the output of runs, and a function that runs a fixture. */
async function openRuns() {
  const directory = await createGuardedDirectory('touchstone-repeated-runs');
  const run = (fixture: string, options: { hasBusyCore?: boolean; signal?: AbortSignal; limitMs?: number } = {}) =>
    runVitest(
      { seed: 7, hasBusyCore: options.hasBusyCore ?? false },
      {
        root: ROOT,
        folder: relative(ROOT, directory.path),
        arguments: ['--config', CONFIG, fixture],
        limitMs: options.limitMs ?? LIMIT_MS,
        signal: options.signal ?? running,
      },
    );
  return {
    run,
    list: () => readdir(directory.path),
    readLog: () => readFile(`${directory.path}/7.log`, 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** The ids of the processes whose command line contains a text. */
function findProcesses(text: string): Promise<number[]> {
  return new Promise((resolve) => {
    execFile('ps', ['-eo', 'pid=,args='], (_error, output) =>
      resolve(
        output
          .split('\n')
          .filter((line) => line.includes(text))
          .map((line) => Number.parseInt(line, 10)),
      ),
    );
  });
}

describe('a run', () => {
  it('that passes has no failures and leaves no output', async () => {
    await using runs = await openRuns();

    expect(await runs.run('tidy', { hasBusyCore: true })).toMatchObject({ seed: 7, hasBusyCore: true, failures: [] });

    expect(await runs.list()).toEqual([]);
  });

  it('that fails after its tests passed is not taken for a passed one, and its output is kept', async () => {
    await using runs = await openRuns();

    expect(await runs.run('leaves-orphan')).toMatchObject({ failures: [NO_TEST_FAILED] });

    expect(await runs.list()).toEqual(['7.log']);
    expect(await runs.readLog()).toContain('The tests left these processes running');
  });

  it('that fails by an error that belongs to no test names it', async () => {
    await using runs = await openRuns();

    expect(await runs.run('rejects-unheard')).toMatchObject({
      failures: ['outside the tests: Error: the unheard one'],
    });
  });

  it('that is called off ends vitest and the busy core', async () => {
    await using runs = await openRuns();
    const stop = new AbortController();
    // The limit tells this run's busy core from any other.
    const limitMs = 600_000 + process.pid;

    const run = runs.run('never-ends', { hasBusyCore: true, signal: stop.signal, limitMs });
    await expect.poll(runs.readLog, { timeout: 20_000 }).toContain('RUN');
    const busy = await findProcesses(`Date.now() + ${limitMs}`);
    stop.abort();
    await run;

    expect(busy).not.toEqual([]);
    expect(await findProcesses(`Date.now() + ${limitMs}`)).toEqual([]);
  });

  it('that does not end in time is ended, and says so', async () => {
    await using runs = await openRuns();

    const { failures } = await runs.run('never-ends', { limitMs: 500 });

    expect(failures).toEqual(['the run did not end within 0.5 s']);
  });
});

it('a busy core ends by itself when its limit passes', async () => {
  await using core = startBusyCore(200);

  expect(await core.exitCode).toBe(0);
});
