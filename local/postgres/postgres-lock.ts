// The lock file that a killed Postgres leaves in its data directory: removed only when its owner has ended.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POLL_MS = 50;
const ORPHAN_NOTICE_MS = 2_000;
const SHUTDOWN_MS = 15_000;

/**
 * Waits for the previous server on a data directory to end (the watchdog of a killed stack may still be stopping it), then removes
 * its lock file. Otherwise Postgres would refuse to start when the pid has been reused by another process or is a zombie.
 * @throws {Error} when the previous server keeps running.
 */
export async function clearStaleLock(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const started = performance.now();
  for (;;) {
    const lock = await readLock(file);
    if (lock === undefined) return;
    if (!(await isPostgres(lock.pid))) break;
    const limitMs = lock.status === 'stopping' ? SHUTDOWN_MS : ORPHAN_NOTICE_MS;
    if (performance.now() - started > limitMs) {
      throw new Error(`Postgres is already running in ${dataDir} (pid ${lock.pid}): stop it first`);
    }
    await delay(POLL_MS);
  }
  await rm(file, { force: true });
}

async function readLock(file: string): Promise<{ pid: number; status: string | undefined } | undefined> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n');
    return { pid: Number.parseInt(lines[0] ?? '', 10), status: lines[7]?.trim() };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isPostgres(pid: number): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    // A zombie has an empty command line in /proc.
    if (existsSync('/proc/self/cmdline')) return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('postgres');
    return (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout.includes('postgres');
  } catch (error) {
    // The process has ended; `ps` exits with 1 for an unknown pid.
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ESRCH' || error.code === 1)
    )
      return false;
    throw error;
  }
}
