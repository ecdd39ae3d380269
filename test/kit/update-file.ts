// Files that tests add to from several processes at once: each changes a file under a lock and replaces it as a whole, so
// that a reader never sees half of it and nothing is lost. The lock is the file's next text in the making: to make it and to
// put it in the file's place is all that has to be done to the folder. A test waits for each, so the calls are synchronous.

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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
  using lock = await takeLock(`${file}.lock`);
  const before = readText(file);
  const after = change(before);
  if (after === before) return false;
  lock.replace(file, after);
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

class Lock implements Disposable {
  readonly #path: string;
  readonly #handle: number;

  constructor(path: string, handle: number) {
    this.#path = path;
    this.#handle = handle;
  }

  replace(file: string, text: string): void {
    writeFileSync(this.#handle, text);
    if (!this.#isHeld())
      throw new Error(`${this.#path}: another process took the lock from this one, which stood still`);
    renameSync(this.#path, file);
  }

  [Symbol.dispose](): void {
    if (this.#isHeld()) rmSync(this.#path, { force: true });
    closeSync(this.#handle);
  }

  // Whoever found it expired has removed it, and may have one there by now: the name alone does not tell.
  #isHeld(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === fstatSync(this.#handle).ino;
  }
}

async function takeLock(path: string): Promise<Lock> {
  const giveUpAt = performance.now() + lockPatienceMs;
  for (let lock = tryLock(path); ; lock = tryLock(path)) {
    if (lock) return lock;
    if (performance.now() > giveUpAt) throw new Error(`${path}: held by another process for too long`);
    breakExpired(path);
    await delay(lockTriesMs);
  }
}

function tryLock(path: string): Lock | undefined {
  try {
    return new Lock(path, openSync(path, 'wx'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    if (code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return tryLock(path);
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
