// Waiting: how long after which try, and until when a stop interrupts it.

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
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
