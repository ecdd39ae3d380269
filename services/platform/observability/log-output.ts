// The stdout of a service as the output of its log. It never holds the process up: a reader that is gone or does not read costs log
// lines, not the end of the process.
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const STDOUT = 1;
const BLOCK_LENGTH = 8_192;
const FLUSH_PERIOD_MS = 100;
/** What is kept for a reader that does not read, in characters; further lines are dropped. */
const MAX_KEPT = 1_048_576;
/** How long such a reader is waited for at the end. */
const LAST_WAIT_MS = 1_000;
const RETRY_MS = 10;

/** The part of Node's `process` that is used. */
type ExitingProcess = { on(event: 'exit', listener: () => void): unknown };

/**
 * Opens the stdout of `process` for `createLog`. Lines are written in blocks, after a tenth of a second at the latest: a write for each line would be a
 * tenth of the cost of an order. Fatal lines are written at once, and all others when the process exits; one that is killed loses the
 * lines of that time.
 */
export function openLogOutput(process: ExitingProcess): DestinationStream & { flushSync(): void } {
  let kept = '';
  /** The part of an earlier block that was not taken yet; it may begin within a character. */
  let rest: Buffer = Buffer.alloc(0);
  let isBroken = false;
  let timer: NodeJS.Timeout | undefined;

  const isWaiting = () => rest.length > 0 || kept !== '';

  /** Writes as much as the reader takes now. */
  const writeKept = (): void => {
    try {
      while (rest.length > 0 || kept !== '') {
        if (rest.length === 0) {
          rest = Buffer.from(kept);
          kept = '';
        }
        rest = rest.subarray(writeSync(STDOUT, rest));
      }
    } catch (error) {
      // A full pipe is tried again. Any other error means that no line will ever be read.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) {
        isBroken = true;
        kept = '';
        rest = Buffer.alloc(0);
      }
    }
  };
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    writeKept();
    if (isWaiting()) timer = setTimeout(flush, FLUSH_PERIOD_MS).unref();
  };
  const flushSync = (): void => {
    const end = performance.now() + LAST_WAIT_MS;
    for (writeKept(); isWaiting() && performance.now() < end; writeKept()) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  };

  process.on('exit', flushSync);
  return {
    write: (line) => {
      if (isBroken || kept.length > MAX_KEPT) return;
      kept += line;
      if (kept.length >= BLOCK_LENGTH) flush();
      else timer ??= setTimeout(flush, FLUSH_PERIOD_MS).unref();
    },
    flushSync,
  };
}
