// Where a recorder writes: a file, or memory where there is none. It has a limit, and says when it is reached.

import { appendFileSync, closeSync, fchmodSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { NewExchange, Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';
import { parseRecording, renderExchange, renderFull, renderHead } from './recording-format.ts';

/** The place of a recording's lines. */
export interface LineStore {
  /** How it is called in errors. */
  readonly name: string;
  append(line: string): void;
  read(): string;
  close(): void;
  /** Takes away what a recording that never began has left. */
  remove(): void;
}

const ownerOnly = 0o600;

/**
 * Makes a file for lines, which only its owner may read.
 *
 * @throws RecordingError when there is one already that is not to be replaced, or it cannot be made.
 */
export function createFileStore(file: string, replaces: boolean): LineStore {
  let descriptor: number;
  try {
    descriptor = openSync(file, replaces ? 'w' : 'wx', ownerOnly);
    // One that is replaced may have been everybody's.
    fchmodSync(descriptor, ownerOnly);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isThere ? 'is there already; remove it, or say "replaces"' : (error as Error).message;
    throw new RecordingError(`${file}: ${why}`, { cause: error });
  }
  return {
    name: file,
    append: (line) => appendFileSync(descriptor, line),
    read: () => readFileSync(file, 'utf8'),
    close: () => closeSync(descriptor),
    remove: () => rmSync(file, { force: true }),
  };
}

/** Returns a place in memory. */
export function createMemoryStore(): LineStore {
  const lines: string[] = [];
  return {
    name: 'the recording',
    append: (line) => void lines.push(line),
    read: () => lines.join(''),
    close: () => undefined,
    remove: () => undefined,
  };
}

export interface LogLimits {
  readonly maxExchanges: number;
  readonly maxBytes: number;
}

// What is told again and again must not fill the memory.
const mostProblems = 1000;

/** A recording in the making. */
export class RecordingLog {
  readonly #store: LineStore;
  readonly #limits: LogLimits;
  readonly #tell: (problem: string) => void;
  readonly #problems: string[] = [];
  /** In the file, and claimed by calls that are still running. */
  #bytes = 0;
  #recorded = 0;
  #lost = 0;
  #isClosed = false;

  constructor(store: LineStore, limits: LogLimits, tell: (problem: string) => void) {
    this.#store = store;
    this.#limits = limits;
    this.#tell = tell;
    store.append(renderHead());
  }

  /** How many exchanges were written. */
  get recorded(): number {
    return this.#recorded;
  }

  /** How many calls passed without being written. */
  get lost(): number {
    return this.#lost;
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  /** Takes room for a part of an exchange that is not finished. Returns whether there was any. */
  claim(bytes: number): boolean {
    if (this.#isClosed || this.#recorded >= this.#limits.maxExchanges) return false;
    if (this.#bytes + bytes > this.#limits.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives back what an exchange had claimed. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Writes an exchange. When it returns, the operating system has it. A fault is a problem, and ends the recording. */
  append(exchange: NewExchange): void {
    const line = renderExchange(exchange);
    const bytes = Buffer.byteLength(line);
    if (!this.claim(bytes)) {
      this.lose(exchange.rpc);
      return;
    }
    try {
      this.#store.append(line);
      this.#recorded += 1;
    } catch (error) {
      // What follows a line that was written in part could not be read.
      this.#isClosed = true;
      this.#lost += 1;
      this.note(`${this.#store.name}: cannot be written, and is not from here on: ${(error as Error).message}`);
    }
  }

  /** Counts a call that found no room, and says so in the recording too, once. */
  lose(rpc: string): void {
    this.#lost += 1;
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { maxExchanges, maxBytes } = this.#limits;
    const limit = this.#recorded >= maxExchanges ? `maxExchanges ${maxExchanges}` : `maxBytes ${maxBytes}`;
    const reason = `the recording is full (${limit}): calls that end from here on, the first of ${rpc}, are not in it`;
    this.note(reason);
    try {
      this.#store.append(renderFull(reason));
    } catch (error) {
      this.note(`${this.#store.name}: cannot be written: ${(error as Error).message}`);
    }
  }

  /** Counts a call that cannot be written for another reason. */
  drop(problem: string): void {
    this.#lost += 1;
    this.note(problem);
  }

  note(problem: string): void {
    if (this.#problems.length < mostProblems) this.#problems.push(problem);
    this.#tell(problem);
  }

  /** Returns what was recorded so far. */
  read(): Recording {
    return parseRecording(this.#store.read(), this.#store.name);
  }

  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }
}
