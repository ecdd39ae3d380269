// An append-only file of JSON lines: it preserves the fake provider's and the mailbox's state across restarts and SIGKILLs.
// `append` resolves after the entry is written and fsync'd.

import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PRIVATE_FILE } from './private-files.ts';

const MAX_QUEUED_ENTRIES = 10_000;

export type AppendLog<Entry> = AsyncDisposable & {
  /** Resolves when the entry is on disk; rejects when the write fails, or when 10,000 entries are already queued. */
  append(entry: Entry): Promise<void>;
  /** Writes the queued entries, then closes the file. */
  close(): Promise<void>;
};

type QueuedEntry = {
  line: string;
  resolve: () => void;
  reject: (cause: Error) => void;
};

/**
 * Opens (or creates) the file and passes each of its entries to `onEntry`, oldest first. A process killed in the middle of a write
 * leaves a last line without a newline: that entry was never acknowledged, so it is removed.
 * @throws {Error} when any other line is not JSON, naming file and line: skipping it could silently lose a record of money.
 */
export async function openAppendLog<Entry>(file: string, onEntry: (entry: Entry) => void): Promise<AppendLog<Entry>> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a', PRIVATE_FILE);
  try {
    await handle.chmod(PRIVATE_FILE); // The mode above is that of a new file.
    const { completeBytes, incompleteBytes } = await readEntries(file, onEntry);
    if (incompleteBytes > 0) {
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
  let queue: QueuedEntry[] = [];
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;
  let closed = false;

  // Entries queued during a write share the next write and fsync.
  async function writeQueue(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await handle.appendFile(batch.map((entry) => entry.line).join(''));
        await handle.datasync();
        for (const entry of batch) entry.resolve();
      } catch (cause) {
        // It is unknown how much reached the disk. Further appends are refused: they could follow an incomplete line.
        failure = new Error(`${file}: cannot be written`, { cause });
        for (const entry of [...batch, ...queue]) entry.reject(failure);
        queue = [];
      }
    }
    writing = undefined;
  }

  async function append(entry: Entry): Promise<void> {
    if (failure) throw failure;
    if (closed) throw new Error(`${file}: closed`);
    if (queue.length >= MAX_QUEUED_ENTRIES)
      throw new Error(`${file}: ${MAX_QUEUED_ENTRIES} entries are already queued`);
    const written = new Promise<void>((resolve, reject) => {
      queue.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
    });
    writing ??= writeQueue();
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
  return { completeBytes, incompleteBytes: rest.length };
}

function parseLine<Entry>(line: string, file: string, lineNumber: number): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch (cause) {
    throw new Error(`${file}: line ${lineNumber} is not JSON`, { cause });
  }
}
