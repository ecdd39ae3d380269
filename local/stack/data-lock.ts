// The lock on a data directory: two stacks would write the same broker streams and ledger. A file names the owner, another one the
// processes that it started, so that the next owner can end those that outlived it.

import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makePrivateFolder, PRIVATE_FILE } from '../shared/private-files.ts';

const LOCK_FILE = 'stack.pid';
const CHILDREN_FILE = 'stack.children';
const LEFTOVER_GRACE_MS = 15_000;
const POLL_MS = 50;
const MAX_ATTEMPTS = 3;

/**
 * Locks the directory (created when missing) until disposal. The lock of an owner that has died is replaced.
 * @throws {Error} naming the owner's pid when another stack uses the directory.
 */
export async function lockDataDirectory(dataDir: string): Promise<DataLock> {
  await makePrivateFolder(dataDir);
  const file = join(dataDir, LOCK_FILE);
  const own = `${process.pid} ${await readStartTime(process.pid)}`;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      await writeFile(file, own, { flag: 'wx', mode: PRIVATE_FILE });
      await rm(join(dataDir, CHILDREN_FILE), { force: true });
      return createLock(dataDir, own);
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
    }
    const owner = await readOwner(file);
    if (owner !== undefined && (await isAlive(owner))) {
      throw new Error(
        `${dataDir} is in use by the stack with pid ${owner.pid}: stop that, or set DATA_DIR to another folder`,
      );
    }
    await rm(file, { force: true });
  }
  throw new Error(`${file} is repeatedly created by another process`);
}

export type DataLock = AsyncDisposable & {
  /** Records a process of this stack, and the signal that asks it to stop. */
  record(pid: number, signal: NodeJS.Signals): Promise<void>;
};

function createLock(dataDir: string, own: string): DataLock {
  const children = join(dataDir, CHILDREN_FILE);
  return {
    record: async (pid, signal) => {
      const line = `${own} ${pid} ${await readStartTime(pid)} ${signal}\n`;
      await appendFile(children, line, { mode: PRIVATE_FILE });
    },
    [Symbol.asyncDispose]: async () => {
      await rm(children, { force: true });
      await rm(join(dataDir, LOCK_FILE), { force: true });
    },
  };
}

/**
 * Ends the processes of a stack on this directory that was killed together with its watchdog. A process is known by its pid and its start
 * time, never by its name. Returns the pids that were still running.
 * @throws {Error} naming those that cannot be ended.
 */
export async function endLeftovers(dataDir: string): Promise<number[]> {
  const leftovers: Leftover[] = [];
  for (const line of await readLines(join(dataDir, CHILDREN_FILE))) {
    const [ownerPid, ownerStart = '', pid, startTime = '', signal = ''] = line.split(' ');
    const leftover = { pid: Number(pid), startTime, signal: signal as NodeJS.Signals };
    if (await isAlive({ pid: Number(ownerPid), startTime: ownerStart })) continue;
    // Without a start time it may be another process: then it is left alone, and whatever it holds is reported by who needs it.
    if (startTime !== '' && (await isAlive(leftover))) leftovers.push(leftover);
  }
  await Promise.all(leftovers.map(end));
  return leftovers.map(({ pid }) => pid);
}

type Leftover = Owner & { readonly signal: NodeJS.Signals };

async function end(leftover: Leftover): Promise<void> {
  const { pid, signal } = leftover;
  const started = performance.now();
  send(pid, signal);
  while (await isAlive(leftover)) {
    const waitedMs = performance.now() - started;
    if (waitedMs > 2 * LEFTOVER_GRACE_MS)
      throw new Error(`process ${pid} of an earlier stack does not end: kill it first`);
    if (waitedMs > LEFTOVER_GRACE_MS) send(-pid, 'SIGKILL'); // It leads its process group.
    await delay(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return;
    throw new Error(`process ${Math.abs(pid)} of an earlier stack cannot be ended: end it first`, { cause: error });
  }
}

async function readLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Whether the last stack on this directory was killed, so that its processes may still be stopping. */
export async function wasOwnerKilled(dataDir: string): Promise<boolean> {
  const owner = await readOwner(join(dataDir, LOCK_FILE));
  return owner !== undefined && !(await isAlive(owner));
}

type Owner = {
  pid: number;
  startTime: string;
};

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const [pid, startTime] = (await readFile(file, 'utf8')).split(' ');
    return { pid: Number(pid), startTime: startTime ?? '' };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function isAlive({ pid, startTime }: Owner): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process is alive but belongs to another user.
    if (isSystemError(error, 'ESRCH')) return false;
    if (!isSystemError(error, 'EPERM')) throw error;
  }
  return (await readStartTime(pid)) === startTime;
}

/** The start time distinguishes a process from a later one with the same pid. Empty where there is no /proc. */
async function readStartTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The program's name may hold blanks, so fields are counted after it: the state, and 19 fields later the start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return '';
    throw error;
  }
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
