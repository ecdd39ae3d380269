// The exponential backoff between restarts: 250 ms, doubled up to 8 s, reset after a run that was healthy for 5 s.

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const HEALTHY_RESET_MS = 5_000;

export type RestartDelay = {
  /** Returns the delay, in milliseconds, after a run that was healthy for `healthyMs` (0 when it never was). */
  next(healthyMs: number): number;
  reset(): void;
};

export function createRestartDelay(): RestartDelay {
  let nextMs = FIRST_DELAY_MS;
  const reset = () => {
    nextMs = FIRST_DELAY_MS;
  };
  return {
    next(healthyMs) {
      if (healthyMs >= HEALTHY_RESET_MS) reset();
      const delayMs = nextMs;
      nextMs = Math.min(nextMs * 2, LONGEST_DELAY_MS);
      return delayMs;
    },
    reset,
  };
}
