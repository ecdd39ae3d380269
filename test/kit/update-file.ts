// Files that tests add to from several processes at once: each changes a file under a lock and replaces it as a whole, so
// that a reader never sees half of it and nothing is lost. A test waits for each: the synchronous calls take a tenth of the
// time, and hold the lock no longer than that.

import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const lockTriesMs = 10;
const lockPatienceMs = 10_000;
// A change takes milliseconds: a lock this old belongs to a process that was killed.
const lockExpiryMs = 5000;

/**
 * Changes a file: `change` is given its text, `undefined` where there is none, and returns the text it is to have. Makes
 * the file, and its folder, where there is none.
 *
 * @returns whether the file is another now.
 * @throws Error when others do not let go of the file within 10 seconds; what `change` throws.
 */
export async function updateFile(file: string, change: (before: string | undefined) => string): Promise<boolean> {
  mkdirSync(dirname(file), { recursive: true });
  using _lock = await lock(`${file}.lock`);
  const before = readText(file);
  const after = change(before);
  if (after === before) return false;
  const draft = `${file}.${randomUUID()}.draft`;
  try {
    writeFileSync(draft, after);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return true;
}

/** Returns a file's text; `undefined` when there is no such file. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function lock(path: string): Promise<Disposable> {
  const giveUpAt = performance.now() + lockPatienceMs;
  while (!take(path)) {
    if (performance.now() > giveUpAt) throw new Error(`${path}: held by another process for too long`);
    breakExpired(path);
    await delay(lockTriesMs);
  }
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

function take(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function breakExpired(path: string): void {
  try {
    const { mtimeMs } = statSync(path);
    if (Date.now() - mtimeMs > lockExpiryMs) rmSync(path, { force: true });
  } catch (error) {
    // Whoever held it has let go in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
