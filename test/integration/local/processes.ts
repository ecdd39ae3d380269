// Looks at processes and ports from outside, for the tests of what must not be left behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Whether a process runs; one that has ended and was not yet reaped (by a slow init) does not. */
export function isAlive(pid: number): boolean {
  if (existsSync('/proc/self/stat')) return /\) [^ZX] /.test(readProcess(pid, 'stat'));
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Whether something listens on a loopback port. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return false;
    throw error;
  } finally {
    socket.destroy();
  }
}

/** The pid of the watchdog that a process has started. */
export function findWatchdog(parent: number): number {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProcess(pid, 'status').includes(`PPid:\t${parent}\n`))
    .find((pid) => readProcess(pid, 'cmdline').includes('touchstone-watchdog'));
  if (found === undefined) throw new Error(`process ${parent} has no watchdog`);
  return found;
}

/** A file in a process's folder of /proc; empty when the process is gone. */
function readProcess(pid: number, file: 'stat' | 'status' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return '';
    throw error;
  }
}

export type Owner<T> = AsyncDisposable & {
  readonly pid: number;
  /** What it printed in its first line. */
  readonly owned: T;
  /** Kills it without warning. */
  kill(): Promise<void>;
  /** Resolves with its exit code when it ends by itself. */
  readonly ended: Promise<number | null>;
};

/** Starts one of the fixtures and waits for its first line, JSON. */
export async function startOwner<T>(fixture: string, args: readonly string[] = []): Promise<Owner<T>> {
  const program = fileURLToPath(new URL(`./fixtures/${fixture}.ts`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), ended]);
  if (!Array.isArray(first) || child.pid === undefined)
    throw new Error(`${fixture} ended with ${first} before its first line`);
  return { pid: child.pid, owned: JSON.parse(first[0]) as T, kill, ended, [Symbol.asyncDispose]: kill };
}
