// One run of a supervised process, from spawn to exit, with its output sent to the log line by line.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hasEnded, spawnGuarded, stopGuarded } from './watchdog.ts';

// Without these limits, Node sizes each process's heap by the machine's memory; the whole stack is to fit on a laptop.
const OLD_SPACE_MB = 512;
const SEMI_SPACE_MB = 8;

export type ProcessExit = {
  code: number | null;
  signal: NodeJS.Signals | null;
};

/** One run of a process, from spawn to exit. */
export type ProcessRun = {
  pid: number | undefined;
  /** Resolves when the process has ended, by itself or by a signal. */
  ended: Promise<ProcessExit>;
  kill(signal: NodeJS.Signals): void;
  /** Asks the process to end and sends SIGKILL after `graceMs`; resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
};

export type NodeProgram = {
  /** The file to run: TypeScript or JavaScript. */
  file: string;
  /** Default none. */
  arguments?: readonly string[];
  cwd: string;
  environment: Record<string, string>;
  /** The largest semi-space: smaller ones save memory and cost processor time under load. Default 8. */
  semiSpaceMb?: number;
  log(line: string): void;
};

// Compiled code, shared by all programs of the local stack: halves the CPU time of a start.
const COMPILE_CACHE = fileURLToPath(new URL('../../.tools/compile-cache', import.meta.url));

// Of glibc: memory that each of Node's threads has freed is used again by the others. Saves 2 MB for each program.
const MALLOC_ARENA_MAX = '1';

// Ends the program when this process has ended, also when nothing else does.
const PARENT_WATCH = new URL('./parent-watch.ts', import.meta.url).href;

/** Starts a Node program that cannot outlive this process. */
export function launchProgram({
  file,
  arguments: words = [],
  cwd,
  environment,
  log,
  ...heap
}: NodeProgram): ProcessRun {
  const { semiSpaceMb = SEMI_SPACE_MB } = heap;
  const flags = [`--max-semi-space-size=${semiSpaceMb}`, `--max-old-space-size=${OLD_SPACE_MB}`];
  const child = spawnGuarded(process.execPath, [...flags, '--import', PARENT_WATCH, file, ...words], {
    cwd,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, MALLOC_ARENA_MAX, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr]) {
    if (output) createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY }).on('line', log);
  }
  return processRunOf(child, (graceMs) => stopGuarded(child, { graceMs }));
}

/** The run of a process that is already spawned. */
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
