// How long to wait before a part that died is started again: 250 ms, doubling to 8 s, anew after 5 s of health.

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const HEALTHY_RESET_MS = 5_000;

export type RestartDelay = {
  /** Gives the delay, in milliseconds, after a life that was healthy for `healthyMs` (0 when it never was). */
  next(healthyMs: number): number;
  reset(): void;
};

export function createRestartDelay(): RestartDelay {
  let upcomingMs = FIRST_DELAY_MS;
  const reset = () => {
    upcomingMs = FIRST_DELAY_MS;
  };
  return {
    next(healthyMs) {
      if (healthyMs >= HEALTHY_RESET_MS) reset();
      const delayMs = upcomingMs;
      upcomingMs = Math.min(upcomingMs * 2, LONGEST_DELAY_MS);
      return delayMs;
    },
    reset,
  };
}
