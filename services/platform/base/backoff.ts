// Exponential backoff with jitter, and a wait that a stop interrupts.

/** The wait before retry `attempt` (1 for the first): doubles from `firstMs` up to `maximumMs`; the upper half of it is random. */
export function backoffMs(
  attempt: number,
  firstMs: number,
  maximumMs: number,
  random: () => number = Math.random,
): number {
  const fullMs = Math.min(maximumMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(fullMs / 2 + (fullMs / 2) * random());
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
