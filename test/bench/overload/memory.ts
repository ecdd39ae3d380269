// The resident memory of a process, looked at once a second.
import { readFile } from 'node:fs/promises';

const PERIOD_MS = 1_000;

export type MemorySamples = Disposable & {
  /** Every look so far, in bytes. */
  readonly bytes: readonly number[];
  /** How many looks there were. */
  count(): number;
  /** The looks since look number `from`. */
  since(from: number): readonly number[];
};

/** Begins to look. A look that fails, because the process is gone, is left out. */
export function sampleMemory(pid: number): MemorySamples {
  const bytes: number[] = [];
  const timer = setInterval(() => {
    readResident(pid).then(
      (resident) => bytes.push(resident),
      () => clearInterval(timer), // It is gone: there is nothing more to look at.
    );
  }, PERIOD_MS);
  return {
    bytes,
    count: () => bytes.length,
    since: (from) => bytes.slice(from),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Of Linux: what `VmRSS` says. */
async function readResident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no resident memory`);
  return 1_024 * Number(kilobytes);
}
