// What the figures depend on: commits, Node, processor.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import type { Circumstances } from './report.ts';
import type { BenchSettings } from './settings.ts';

const run = promisify(execFile);

/** The checkout and the machine that figures are of. */
export type Machine = {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cores: number;
  readonly processor: string;
};

export async function readMachine(): Promise<Machine> {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: await readCommit(REPOSITORY_ROOT),
    node: process.version,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
  };
}

export async function readCircumstances({
  baseline,
  environment,
  waitsWhenRefused,
}: BenchSettings): Promise<Circumstances> {
  return {
    ...(await readMachine()),
    baseline: baseline === undefined ? undefined : await readCommit(baseline),
    logLevel: environment.LOG_LEVEL ?? 'info',
    waitsWhenRefused,
  };
}

async function readCommit(root: string): Promise<string> {
  try {
    const { stdout } = await run('git', ['-C', root, 'describe', '--always', '--dirty', '--exclude', '*']);
    return stdout.trim();
  } catch {
    return 'unknown'; // A copy without its history can be measured too.
  }
}
