// Wakes loops that wait for a change: at once when this process made it, otherwise after a period, because other replicas make
// changes without a word to this one.
import { pause } from './backoff.ts';

export type ChangeSignal = {
  /** Wakes every loop that waits for a change of `topic`. */
  notify(topic: string): void;
  /** Resolves at the next `notify` of the topic, after the period, or when `signal` aborts, whichever is first. */
  next(topic: string, signal: AbortSignal): Promise<void>;
};

/** Creates a signal whose waits last `periodMs` milliseconds at most. */
export function createChangeSignal(periodMs: number): ChangeSignal {
  const waiting = new Map<string, Set<() => void>>();
  return {
    notify: (topic) => {
      for (const wake of waiting.get(topic) ?? []) wake();
    },
    next: async (topic, signal) => {
      const waking = new AbortController();
      const wake = (): void => waking.abort();
      const wakers = waiting.get(topic) ?? new Set();
      waiting.set(topic, wakers.add(wake));
      try {
        await pause(periodMs, AbortSignal.any([signal, waking.signal]));
      } finally {
        wakers.delete(wake);
        // Without this, the map would keep an entry for every topic that was ever followed.
        if (wakers.size === 0) waiting.delete(topic);
      }
    },
  };
}
