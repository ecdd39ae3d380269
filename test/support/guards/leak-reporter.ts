// After a run, when its workers and global set-up are gone: any process that still carries the run's mark was leaked by a test.
// It is named, ended, and makes the run red. Processes are found in /proc, so this holds on Linux, where CI runs.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Reporter, Vitest } from 'vitest/node';

const MARK = 'TOUCHSTONE_TEST_RUN';
const GRACE_MS = 2_000;
const POLL_MS = 50;

type LeakedProcess = {
  readonly pid: number;
  readonly command: string;
};

export class LeakReporter implements Reporter {
  readonly #mark = randomUUID();

  onInit(vitest: Vitest): void {
    // Every process of the run inherits it, however far it moves away from its parent.
    process.env[MARK] = this.#mark;
    vitest.onClose(() => this.#refuseLeaks());
  }

  async #refuseLeaks(): Promise<void> {
    const leaked = await waitUntilGone(this.#mark);
    for (const { pid } of leaked) endProcess(pid);
    if (leaked.length === 0) return;
    const lines = leaked.map(({ pid, command }) => `  ${pid}  ${command}`);
    throw new Error(`The tests left these processes running:\n${lines.join('\n')}`);
  }
}

/** Processes on their way out get some time; returns those that did not use it. */
function waitUntilGone(mark: string): Promise<LeakedProcess[]> {
  const deadline = Date.now() + GRACE_MS;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const found = findMarkedProcesses(mark);
      if (found.length > 0 && Date.now() < deadline) return;
      clearInterval(timer);
      resolve(found);
    }, POLL_MS);
  });
}

/** Lists the living processes, this one and its watchdog aside, whose environment carries the mark. */
function findMarkedProcesses(mark: string): LeakedProcess[] {
  return readNames('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => readText(`/proc/${name}/environ`).split('\0').includes(`${MARK}=${mark}`))
    .map((name) => ({ pid: Number(name), arguments: readText(`/proc/${name}/cmdline`).split('\0') }))
    .filter((found) => !isOwnWatchdog(found))
    .map((found) => ({
      pid: found.pid,
      command: found.arguments.join(' ').replaceAll(/\s+/g, ' ').slice(0, 200).trim(),
    }));
}

/** local/process/watchdog.ts keeps one process beside whoever uses it, here the global set-up, until that has ended. */
function isOwnWatchdog(found: { pid: number; arguments: string[] }): boolean {
  const parent = /^PPid:\s+(\d+)$/m.exec(readText(`/proc/${found.pid}/status`))?.[1];
  return Number(parent) === process.pid && found.arguments.includes('touchstone-watchdog');
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readNames(directory: string): string[] {
  return unlessGone(() => readdirSync(directory)) ?? [];
}

function readText(path: string): string {
  return unlessGone(() => readFileSync(path, 'utf8')) ?? '';
}

/** A process may end between two looks, and another user's is not ours to read: neither can be a leak of this run. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
