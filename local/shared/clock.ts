// Time as an argument: what waits or expires in the local stack asks a Clock, so that tests decide what time it is.

export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `action` once after `delayMs` milliseconds; the returned function calls it off. */
  schedule(delayMs: number, action: () => void): () => void;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
