// The clock of the local stack, passed as an argument so that tests control the time.

export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `action` once after `delayMs` milliseconds; the returned function cancels it. */
  schedule(delayMs: number, action: () => void): () => void;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
