// The search for leaked processes after a run, when its workers and global set-up have ended. A process that still carries the run's
// mark was leaked by a test: it is named and killed, and the run fails. It reads /proc, so it works on Linux, where CI runs.
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
    // Every process of the run inherits the mark, even when it is detached from its parent.
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

/** Waits for processes that are ending; returns those still alive at the deadline. */
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

/** Lists the living processes whose environment carries the mark, except this one and its watchdog. */
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

/** The watchdog of local/process/watchdog.ts lives as long as the process that uses it, here the global set-up. */
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

/** Ignores processes that end in between or belong to another user: neither is a leak of this run. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
