// The log to which a recorder writes: a file or memory, with limits.

import {
  appendFileSync,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import type { NewExchange, Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';
import { parseRecording, renderExchange, renderFull, renderHead } from './recording-format.ts';

/** A store of lines. */
export type LineStore = {
  /** Its name in errors. */
  readonly name: string;
  append(line: string): void;
  read(): string;
  /** Replaces what an existing file holds. Before that, appended lines are only held. */
  start(): void;
  close(): void;
  /** Removes the file of a recorder that failed to start, unless it is an existing file, which then keeps what it holds. */
  remove(): void;
};

const OWNER_ONLY = 0o600;

/**
 * Creates a file that only its owner may read.
 *
 * @throws {RecordingError} if the file exists and is not to be replaced, or cannot be created.
 */
export function createFileStore(file: string, replaces: boolean): LineStore {
  const exists = existsSync(file);
  let descriptor: number;
  try {
    descriptor = openSync(file, replaces ? 'a' : 'ax', OWNER_ONLY);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isTaken ? 'exists already; remove it, or say "replaces"' : (error as Error).message;
    throw new RecordingError(`${file}: ${why}`, { cause: error });
  }
  let held: string[] | undefined = [];
  return {
    name: file,
    append(line) {
      if (held) held.push(line);
      else appendFileSync(descriptor, line);
    },
    read: () => (held ? held.join('') : readFileSync(file, 'utf8')),
    start() {
      if (!held) return;
      // A replaced file keeps its mode, so the mode is set explicitly.
      fchmodSync(descriptor, OWNER_ONLY);
      // A pipe or a terminal cannot be truncated.
      if (fstatSync(descriptor).isFile()) ftruncateSync(descriptor);
      appendFileSync(descriptor, held.join(''));
      held = undefined;
    },
    close: () => closeSync(descriptor),
    remove() {
      if (!exists) rmSync(file, { force: true });
    },
  };
}

/** Creates a store in memory. */
export function createMemoryStore(): LineStore {
  const lines: string[] = [];
  return {
    name: 'the recording',
    append: (line) => void lines.push(line),
    read: () => lines.join(''),
    start: () => undefined,
    close: () => undefined,
    remove: () => undefined,
  };
}

export type LogLimits = {
  readonly maxExchanges: number;
  readonly maxBytes: number;
};

// A limit, because a problem can occur with every call.
const MAX_PROBLEMS = 1000;

/** A recording that is being written. */
export class RecordingLog {
  readonly #store: LineStore;
  readonly #limits: LogLimits;
  readonly #onProblem: (problem: string) => void;
  readonly #problems: string[] = [];
  /** Bytes in the file, and bytes reserved by calls in flight. */
  #bytes = 0;
  #recorded = 0;
  #lost = 0;
  #isClosed = false;

  constructor(store: LineStore, limits: LogLimits, onProblem: (problem: string) => void) {
    this.#store = store;
    this.#limits = limits;
    this.#onProblem = onProblem;
    store.append(renderHead());
  }

  /** The number of written exchanges. */
  get recorded(): number {
    return this.#recorded;
  }

  /** The number of calls that were not written. */
  get lost(): number {
    return this.#lost;
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  /** Reserves bytes for a part of an exchange in flight. Returns false if the recording is full. */
  reserve(bytes: number): boolean {
    if (this.#isClosed || this.#recorded >= this.#limits.maxExchanges) return false;
    if (this.#bytes + bytes > this.#limits.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Releases the bytes that an exchange had reserved. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Writes an exchange to the operating system before it returns. If that fails, it reports a problem and ends the recording. */
  append(exchange: NewExchange): void {
    const line = renderExchange(exchange);
    const bytes = Buffer.byteLength(line);
    if (!this.reserve(bytes)) {
      this.skip(exchange.rpc);
      return;
    }
    try {
      this.#store.append(line);
      this.#recorded += 1;
    } catch (error) {
      // The line may have been written in part, and lines after it could not be read.
      this.#isClosed = true;
      this.#lost += 1;
      this.report(`${this.#store.name}: cannot be written, so the recording ends here: ${(error as Error).message}`);
    }
  }

  /** Counts a call that is not recorded because the recording is full. The first one is also marked in the recording. */
  skip(rpc: string): void {
    this.#lost += 1;
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { maxExchanges, maxBytes } = this.#limits;
    const limit = this.#recorded >= maxExchanges ? `maxExchanges ${maxExchanges}` : `maxBytes ${maxBytes}`;
    const reason = `the recording is full (${limit}): later calls, the first of ${rpc}, are not recorded`;
    this.report(reason);
    try {
      this.#store.append(renderFull(reason));
    } catch (error) {
      this.report(`${this.#store.name}: cannot be written: ${(error as Error).message}`);
    }
  }

  /** Counts a call that cannot be recorded for another reason. */
  skipUnrecordable(problem: string): void {
    this.#lost += 1;
    this.report(problem);
  }

  /** Reports a problem to the owner of the recorder. */
  report(problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
    this.#onProblem(problem);
  }

  /** Returns the exchanges recorded so far. */
  read(): Recording {
    return parseRecording(this.#store.read(), this.#store.name);
  }

  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }
}
