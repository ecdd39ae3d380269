// Samples of the resident memory of a process, one per second.
import { readFile } from 'node:fs/promises';

const PERIOD_MS = 1_000;

export type MemorySamples = Disposable & {
  /** All samples so far, in bytes. */
  readonly bytes: readonly number[];
  /** The number of samples. */
  count(): number;
  /** The samples from number `from` on. */
  since(from: number): readonly number[];
};

/** Starts sampling; stops when the process is gone. */
export function sampleMemory(pid: number): MemorySamples {
  const bytes: number[] = [];
  const timer = setInterval(() => {
    readResident(pid).then(
      (resident) => bytes.push(resident),
      () => clearInterval(timer), // The process is gone.
    );
  }, PERIOD_MS);
  return {
    bytes,
    count: () => bytes.length,
    since: (from) => bytes.slice(from),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Reads `VmRSS`, which exists on Linux only. */
async function readResident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmRSS`);
  return 1_024 * Number(kilobytes);
}
