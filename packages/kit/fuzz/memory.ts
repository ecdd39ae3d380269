// The memory of the process under test, and whether it grows with every call.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Calls are made in rounds. The first one warms up. */
export const MEMORY_ROUNDS = { calls: 100, rounds: 4 };

const MIB = 1024 * 1024;
// Caches and heaps that are not collected yet stay below these.
const MIN_GROWTH = 32 * MIB;
const MIN_GROWTH_OF_ROUND = 4 * MIB;

/**
 * Returns the resident memory of a process in bytes.
 *
 * @throws {Error} if there is no such process.
 */
export async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1024;
}

/** Returns whether memory grew in every round, and by so much that a cache that fills does not explain it. */
export function isGrowth(samples: readonly number[]): boolean {
  const [first = 0] = samples;
  const steps = samples.slice(1).map((sample, index) => sample - (samples[index] ?? 0));
  return (samples.at(-1) ?? 0) - first >= MIN_GROWTH && steps.every((step) => step >= MIN_GROWTH_OF_ROUND);
}

/** Returns the growth for each call, such as `256 KiB for each call`. */
export function describeGrowth(samples: readonly number[]): string {
  const growth = (samples.at(-1) ?? 0) - (samples[0] ?? 0);
  const calls = MEMORY_ROUNDS.calls * (samples.length - 1);
  return `${Math.round(growth / calls / 1024)} KiB for each call`;
}
