// The lock on a data directory: two stacks would write the same broker streams and ledger. A file names the owner.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder, PRIVATE_FILE } from '../shared/private-files.ts';

const LOCK_FILE = 'stack.pid';
const MAX_ATTEMPTS = 3;

/**
 * Locks the directory (created when missing) until disposal. The lock of an owner that has died is replaced.
 * @throws {Error} naming the owner's pid when another stack uses the directory.
 */
export async function lockDataDirectory(dataDir: string): Promise<AsyncDisposable> {
  await makePrivateFolder(dataDir);
  const file = join(dataDir, LOCK_FILE);
  const own = `${process.pid} ${await readStartTime(process.pid)}`;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      await writeFile(file, own, { flag: 'wx', mode: PRIVATE_FILE });
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
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
