// One stack per data directory: two would write the same broker streams and ledger. Held by a file that names its owner.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const LOCK_FILE = 'stack.pid';
const MAX_ATTEMPTS = 3;

/**
 * Takes the directory (made when missing) until disposal. An owner that was killed has no say.
 * Throws, naming the owner's pid, when another stack uses the directory.
 */
export async function lockDataDirectory(dataDir: string): Promise<AsyncDisposable> {
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, LOCK_FILE);
  const own = `${process.pid} ${await readStartTime(process.pid)}`;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      await writeFile(file, own, { flag: 'wx' });
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
  throw new Error(`${file} is made again and again by somebody else`);
}

/** Whether the stack that used the directory last had no chance to stop what it had started. */
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
    // EPERM: it lives, as somebody else's.
    if (isSystemError(error, 'ESRCH')) return false;
    if (!isSystemError(error, 'EPERM')) throw error;
  }
  return (await readStartTime(pid)) === startTime;
}

/** Tells a process from a later one with the same pid; always the same where there is no /proc. */
async function readStartTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Counted from behind the program's name, which may hold blanks: the state, and 19 fields later the start.
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
