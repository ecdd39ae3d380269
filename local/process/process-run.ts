// A part's life as a guarded process: what it prints goes line by line to the log, how it ends to the supervisor.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ProcessExit, ProcessRun } from './supervised-process.ts';
import { hasEnded, spawnGuarded, stopGuarded } from './watchdog.ts';

// The services of a local stack are small: a tight heap keeps the whole of it at home on a laptop.
const LEAN_FLAGS = ['--max-semi-space-size=8', '--max-old-space-size=512'];

export type NodeProgram = {
  /** The TypeScript file to run. */
  file: string;
  cwd: string;
  environment: Record<string, string>;
  log(line: string): void;
};

/** Starts a Node program that cannot outlive this process. */
export function launchProgram({ file, cwd, environment, log }: NodeProgram): ProcessRun {
  const child = spawnGuarded(process.execPath, [...LEAN_FLAGS, file], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr]) {
    if (output) createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY }).on('line', log);
  }
  return processRunOf(child, (graceMs) => stopGuarded(child, { graceMs }));
}

/** The life of a process that somebody else started. */
export function processRunOf(child: ChildProcess, stop: (graceMs: number) => Promise<void>): ProcessRun {
  const ended = new Promise<ProcessExit>((resolve) => {
    if (hasEnded(child)) resolve({ code: child.exitCode, signal: child.signalCode });
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  return {
    pid: child.pid,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
    stop,
  };
}
