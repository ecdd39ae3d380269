// Waiting: how long after which try, and until when a stop interrupts it.
import { setTimeout as wait } from 'node:timers/promises';

/** The wait before try `attempt` (1 for the first repeat): doubles from `firstMs` up to `maximumMs`, the upper half random. */
export function backoffMs(
  attempt: number,
  firstMs: number,
  maximumMs: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(maximumMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (full / 2) * random());
}

/** Waits; returns early, without an error, when `signal` aborts. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(delayMs, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
