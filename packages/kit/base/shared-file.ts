// Files that tests add to from several processes at once: each changes a file under a lock and replaces it as a whole, so
// that a reader never sees half of it and nothing is lost. The lock is the file's next text in the making: to make it and to
// put it in the file's place is all that has to be done to the folder. A test waits for each, so the calls are synchronous.
//
// The old file is removed before the new one takes its name: to rename one over another makes some file systems write it to
// the disk at once, which takes longer than all the rest. A lock that is whole can stand for the file in between.

import {
  type BigIntStats,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writevSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const LOCK_SUFFIX = '.lock';
const LOCK_RETRY_MS = 10;
const LOCK_TIMEOUT_MS = 10_000;
// A change takes milliseconds: a lock this old belongs to a process that was killed.
const LOCK_EXPIRY_MS = 5000;
// The mode of a lock file says whether the next text is complete in it.
const MODE_INCOMPLETE = 0o600;
const MODE_COMPLETE = 0o644;

/** How a file says what is in it. */
export type FileFormat<Content> = {
  parse(text: string): Content;
  /** Returns the bytes of a content, in pieces: those that stay the same from one time to the next cost nothing then. */
  render(content: Content): readonly Uint8Array[];
};

/** A file that is its text. */
export const plainText: FileFormat<string> = { parse: (text) => text, render: (text) => [Buffer.from(text)] };

/** A file that several processes change. What this process has left there is not read again while it is there. */
export class SharedFile<Content> {
  readonly #path: string;
  readonly #format: FileFormat<Content>;
  #left: { readonly content: Content; readonly stamp: string } | undefined;

  constructor(path: string, format: FileFormat<Content>) {
    this.#path = path;
    this.#format = format;
  }

  /**
   * Changes the file: `change` is given its content, `undefined` where there is none, and returns what it is to have, the
   * same where nothing is to change. Makes the file, and its folder, where there is none.
   *
   * @returns whether the file is another now.
   * @throws {Error} when other processes hold the lock for 10 seconds; what `change` and the format throw.
   */
  async update(change: (before: Content | undefined) => Content): Promise<boolean> {
    using lock = await takeLock(this.#path);
    const before = this.#read();
    const after = change(before);
    if (after === before) return false;
    this.#left = { content: after, stamp: lock.replace(this.#path, this.#format.render(after)) };
    return true;
  }

  #read(): Content | undefined {
    const stats = this.#left && statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (stats && stampOf(stats) === this.#left?.stamp) return this.#left.content;
    const text = readText(this.#path);
    return text === undefined ? undefined : this.#format.parse(text);
  }
}

/** Returns a shared file's text; `undefined` when there is no such file. */
export function readText(file: string): string | undefined {
  // Gone may be on its way: then its text is in the lock, or back in its place by the time the lock is gone too.
  return readIfThere(file) ?? readIfWhole(lockOf(file)) ?? readIfThere(file);
}

/** Returns the shared files in a folder whose names end so, those too that are being replaced right now. */
export async function listSharedFiles(directory: string, ending: string): Promise<string[]> {
  const names = (await readdir(directory)).map((name) => name.replace(LOCK_SUFFIX, ''));
  const files = [...new Set(names)].filter((name) => name.endsWith(ending)).map((name) => join(directory, name));
  return files.filter((file) => readText(file) !== undefined).sort();
}

// The size and the time of the last change, and the number that tells a new file of that name.
function stampOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}

// By one handle: the name may be another process's lock a moment later.
function readIfWhole(lock: string): string | undefined {
  const handle = openIfThere(lock);
  if (handle === undefined) return undefined;
  try {
    return isWhole(fstatSync(handle)) ? readFileSync(handle, 'utf8') : undefined;
  } finally {
    closeSync(handle);
  }
}

function isWhole({ mode }: Stats): boolean {
  return (mode & 0o777) === MODE_COMPLETE;
}

function openIfThere(file: string): number | undefined {
  return orUndefinedIfGone(() => openSync(file, 'r'));
}

function readIfThere(file: string): string | undefined {
  return orUndefinedIfGone(() => readFileSync(file, 'utf8'));
}

function orUndefinedIfGone<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

class Lock implements Disposable {
  readonly #path: string;
  readonly #handle: number;
  #isSpent = false;

  constructor(path: string, handle: number) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Returns the stamp of what is there now. */
  replace(file: string, pieces: readonly Uint8Array[]): string {
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    const written = writevSync(this.#handle, pieces);
    if (written !== bytes) throw new Error(`${this.#path}: only ${written} of ${bytes} bytes could be written`);
    fchmodSync(this.#handle, MODE_COMPLETE);
    if (!this.#isHeld())
      throw new Error(`${this.#path}: another process took the lock from this one, which stood still`);
    orUndefinedIfGone(() => unlinkSync(file));
    renameSync(this.#path, file);
    this.#isSpent = true;
    return stampOf(fstatSync(this.#handle, { bigint: true }));
  }

  [Symbol.dispose](): void {
    if (!this.#isSpent && this.#isHeld()) rmSync(this.#path, { force: true });
    closeSync(this.#handle);
  }

  // A process that found the lock expired has removed it, and may have created its own under the same name.
  #isHeld(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === fstatSync(this.#handle).ino;
  }
}

async function takeLock(file: string): Promise<Lock> {
  const path = lockOf(file);
  const giveUpAt = performance.now() + LOCK_TIMEOUT_MS;
  for (let lock = tryLock(path); ; lock = tryLock(path)) {
    if (lock) return lock;
    if (performance.now() > giveUpAt) throw new Error(`${path}: held by another process for too long`);
    breakExpired(path, file);
    await delay(LOCK_RETRY_MS);
  }
}

function tryLock(path: string): Lock | undefined {
  try {
    return new Lock(path, openSync(path, 'wx', MODE_INCOMPLETE));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    if (code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return tryLock(path);
  }
}

function breakExpired(path: string, file: string): void {
  const lock = statSync(path, { throwIfNoEntry: false });
  if (lock === undefined || Date.now() - lock.mtimeMs <= LOCK_EXPIRY_MS) return;
  // Its process was killed after it had removed the file, and before the lock had taken its place.
  if (isWhole(lock) && !existsSync(file)) orUndefinedIfGone(() => renameSync(path, file));
  else rmSync(path, { force: true });
}

function lockOf(file: string): string {
  return `${file}${LOCK_SUFFIX}`;
}
