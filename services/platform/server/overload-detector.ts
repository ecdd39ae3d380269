// Tells a lasting overload from a burst: all places have been taken for most of the last moments, and still clearly more calls come
// than are served. After a burst, however long its queue, no more come; callers who wait for each other come as fast as they are served.

const MOSTLY = 0.5;
/** How many came and ended is forgotten sooner than whether places were taken, for a burst comes within moments. */
const RATE_MEMORY_SHARE = 1 / 3;
/** How many times as many must come as are served; and how many more, for a few prove nothing. */
const SURPLUS_FACTOR = 1.25;
const LEAST_SURPLUS = 4;

export type OverloadDetector = {
  /** A call came, whatever became of it. */
  came(): void;
  /** A call that was let in ended. */
  ended(): void;
  /** To be told at each change: whether from now on all places are taken. */
  note(isFull: boolean): void;
  /** Whether, if only just now, all places are taken and clearly more calls come than are served. */
  isPressed(): boolean;
  /** Whether that lasts. */
  isOverloaded(): boolean;
};

/** Makes a watch that has seen nothing yet. What is longer ago than `memoryMs` milliseconds counts little. */
export function createOverloadDetector(memoryMs: number): OverloadDetector {
  let reckonedMs = performance.now();
  let isFullNow = false;
  let fullShare = 0;
  let comings = 0;
  let ends = 0;

  const reckon = (): void => {
    const now = performance.now();
    const keptOfFull = Math.exp((reckonedMs - now) / memoryMs);
    const keptOfRates = Math.exp((reckonedMs - now) / (RATE_MEMORY_SHARE * memoryMs));
    fullShare = keptOfFull * fullShare + (isFullNow ? 1 - keptOfFull : 0);
    comings *= keptOfRates;
    ends *= keptOfRates;
    reckonedMs = now;
  };

  const comeTooMany = (): boolean => comings > SURPLUS_FACTOR * ends + LEAST_SURPLUS;

  return {
    came: () => {
      reckon();
      comings += 1;
    },
    ended: () => {
      reckon();
      ends += 1;
    },
    note: (isFull) => {
      reckon();
      isFullNow = isFull;
    },
    isPressed: () => {
      reckon();
      return isFullNow && comeTooMany();
    },
    isOverloaded: () => {
      reckon();
      return fullShare > MOSTLY && comeTooMany();
    },
  };
}
