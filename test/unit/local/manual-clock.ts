// A clock that a test advances.
import type { Clock } from '#local/shared/clock.ts';

export type ManualClock = Clock & {
  /** Advances the time and runs the scheduled actions that become due, in order, including those they schedule. */
  advance(milliseconds: number): Promise<void>;
};

export function createManualClock(start = Date.parse('2030-01-01T00:00:00Z')): ManualClock {
  let now = start;
  let due: { at: number; action: () => void }[] = [];
  return {
    now: () => now,
    schedule(delayMs, action) {
      const entry = { at: now + delayMs, action };
      due.push(entry);
      return () => {
        due = due.filter((other) => other !== entry);
      };
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (let next = earliest(due, end); next !== undefined; next = earliest(due, end)) {
        now = next.at;
        due = due.filter((other) => other !== next);
        next.action();
        await settle();
      }
      now = end;
    },
  };
}

function earliest<Entry extends { at: number }>(due: readonly Entry[], end: number): Entry | undefined {
  return due.filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
}

/** Waits until all promises that need no timer have settled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
