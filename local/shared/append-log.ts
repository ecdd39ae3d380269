// A file of JSON lines that only grows: the memory of the fake provider and of the mailbox across restarts and kills.
// An entry counts as kept once `append` resolves: it is written and fsync'd by then.

import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

const MAX_WAITING_ENTRIES = 10_000;

export type AppendLog<Entry> = AsyncDisposable & {
  /** Resolves when the entry is on disk; rejects when it cannot be written, or when 10,000 entries wait already. */
  append(entry: Entry): Promise<void>;
  /** Writes what was appended before, then closes the file. */
  close(): Promise<void>;
};

type WaitingEntry = {
  line: string;
  resolve: () => void;
  reject: (cause: Error) => void;
};

/**
 * Opens (or creates) the file and hands every entry it holds to `onEntry`, oldest first.
 * A last line without its newline is what a kill in the middle of a write leaves: it was never acknowledged, so it is cut off.
 * Throws when any other line is not JSON, naming file and line: a damaged record of money must not be read past silently.
 */
export async function openAppendLog<Entry>(file: string, onEntry: (entry: Entry) => void): Promise<AppendLog<Entry>> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a');
  try {
    const { completeBytes, tornBytes } = await readEntries(file, onEntry);
    if (tornBytes > 0) {
      await truncate(file, completeBytes);
      await handle.sync();
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  return createAppendLog(handle, file);
}

function createAppendLog<Entry>(handle: FileHandle, file: string): AppendLog<Entry> {
  let waiting: WaitingEntry[] = [];
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;
  let closed = false;

  // All entries that arrived while the disk was busy share one write and one fsync.
  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await handle.appendFile(batch.map((entry) => entry.line).join(''));
        await handle.datasync();
        for (const entry of batch) entry.resolve();
      } catch (cause) {
        // What reached the disk is unknown now; only reading the file again can tell, so nothing more is accepted.
        failure = new Error(`${file}: cannot be written`, { cause });
        for (const entry of [...batch, ...waiting]) entry.reject(failure);
        waiting = [];
      }
    }
    writing = undefined;
  }

  async function append(entry: Entry): Promise<void> {
    if (failure) throw failure;
    if (closed) throw new Error(`${file}: closed`);
    if (waiting.length >= MAX_WAITING_ENTRIES) throw new Error(`${file}: ${MAX_WAITING_ENTRIES} entries wait already`);
    const written = new Promise<void>((resolve, reject) => {
      waiting.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
    });
    writing ??= writeWaiting();
    await written;
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await writing;
    await handle.close();
  }

  return { append, close, [Symbol.asyncDispose]: close };
}

async function readEntries<Entry>(file: string, onEntry: (entry: Entry) => void) {
  let rest: Buffer = Buffer.alloc(0);
  let completeBytes = 0;
  let lineNumber = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      lineNumber += 1;
      onEntry(parseLine<Entry>(rest.toString('utf8', start, end), file, lineNumber));
      start = end + 1;
    }
    completeBytes += start;
    rest = rest.subarray(start);
  }
  return { completeBytes, tornBytes: rest.length };
}

function parseLine<Entry>(line: string, file: string, lineNumber: number): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch (cause) {
    throw new Error(`${file}: line ${lineNumber} is not JSON`, { cause });
  }
}
