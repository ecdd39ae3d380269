// Files that several test processes change at once. Each change is made under a lock and replaces the whole file, so that a reader
// never sees half of it and no change is lost.
//
// The lock file doubles as the temporary file: the new text is written into it, then it is renamed to the real name. The old file
// is unlinked before the rename, because a rename over an existing file forces some file systems to flush it, which takes longer than
// everything else. Between the two steps, readers read the complete lock file instead.
//
// File system calls are synchronous, because they are short and a test waits for them; only waiting for the lock is asynchronous.

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
// The permission bits of a lock file are a flag: 0600 is still being written, 0644 is complete.
const MODE_INCOMPLETE = 0o600;
const MODE_COMPLETE = 0o644;

/** The conversion between a file's text and its content. */
export type FileFormat<Content> = {
  parse(text: string): Content;
  /** Returns the bytes of a content in pieces, so that an implementation can reuse the bytes of unchanged parts. */
  render(content: Content): readonly Uint8Array[];
};

/** The format whose content is the text itself. */
export const plainText: FileFormat<string> = { parse: (text) => text, render: (text) => [Buffer.from(text)] };

/** A file that several processes change. It caches what this process wrote last, and reads again only when the file's stamp has changed. */
export class SharedFile<Content> {
  readonly #path: string;
  readonly #format: FileFormat<Content>;
  #lastWritten: { readonly content: Content; readonly stamp: string } | undefined;

  constructor(path: string, format: FileFormat<Content>) {
    this.#path = path;
    this.#format = format;
  }

  /**
   * Changes the file, and creates it and its folder where they do not exist. `change` gets the content, `undefined` without a
   * file, and returns the new content; it returns the same object to leave the file unchanged.
   *
   * @returns whether the file was changed.
   * @throws {Error} when other processes hold the lock for 10 seconds; what `change` and the format throw.
   */
  async update(change: (before: Content | undefined) => Content): Promise<boolean> {
    using lock = await takeLock(this.#path);
    const before = this.#read();
    const after = change(before);
    if (after === before) return false;
    this.#lastWritten = { content: after, stamp: lock.replace(this.#path, this.#format.render(after)) };
    return true;
  }

  #read(): Content | undefined {
    const stats = this.#lastWritten && statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (stats && stampOf(stats) === this.#lastWritten?.stamp) return this.#lastWritten.content;
    const text = readText(this.#path);
    return text === undefined ? undefined : this.#format.parse(text);
  }
}

/** Returns a shared file's text; `undefined` when there is no such file. */
export function readText(file: string): string | undefined {
  // A missing file may be mid-replacement: try the lock, then the file again, because the rename may have happened in between.
  return readIfPresent(file) ?? readIfComplete(lockOf(file)) ?? readIfPresent(file);
}

/** Returns the shared files in a folder whose names end with `ending`, including files that are being replaced. */
export async function listSharedFiles(directory: string, ending: string): Promise<string[]> {
  const names = (await readdir(directory)).map((name) =>
    name.endsWith(LOCK_SUFFIX) ? name.slice(0, -LOCK_SUFFIX.length) : name,
  );
  const files = [...new Set(names)].filter((name) => name.endsWith(ending)).map((name) => join(directory, name));
  return files.filter((file) => readText(file) !== undefined).sort();
}

// The size, the time of the last change, and the inode, which differs for a new file of the same name.
function stampOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}

// fstat and read through one handle: a moment later the name may belong to another process's lock.
function readIfComplete(lock: string): string | undefined {
  const handle = openIfPresent(lock);
  if (handle === undefined) return undefined;
  try {
    return isComplete(fstatSync(handle)) ? readFileSync(handle, 'utf8') : undefined;
  } finally {
    closeSync(handle);
  }
}

function isComplete({ mode }: Stats): boolean {
  return (mode & 0o777) === MODE_COMPLETE;
}

function openIfPresent(file: string): number | undefined {
  return orUndefinedIfGone(() => openSync(file, 'r'));
}

function readIfPresent(file: string): string | undefined {
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
  #isRenamed = false;

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
    if (!this.#isHeld()) throw new Error(`${this.#path}: the lock expired and was taken by another process`);
    orUndefinedIfGone(() => unlinkSync(file));
    renameSync(this.#path, file);
    this.#isRenamed = true;
    return stampOf(fstatSync(this.#handle, { bigint: true }));
  }

  [Symbol.dispose](): void {
    if (!this.#isRenamed && this.#isHeld()) rmSync(this.#path, { force: true });
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
  // A lock far in the future was taken before the clock was set back: it would be kept for as long as that.
  if (lock === undefined || Math.abs(Date.now() - lock.mtimeMs) <= LOCK_EXPIRY_MS) return;
  // Its process was killed after it had removed the file, and before the lock had taken its place.
  if (isComplete(lock) && !existsSync(file)) orUndefinedIfGone(() => renameSync(path, file));
  else rmSync(path, { force: true });
}

function lockOf(file: string): string {
  return `${file}${LOCK_SUFFIX}`;
}
