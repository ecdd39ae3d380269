// A detector that distinguishes a lasting overload from a burst. Overload: all slots were taken for most of the recent past, and clearly
// more calls arrive than complete. After a burst no more calls arrive, however long its queue is; and callers that wait for each answer
// before the next call arrive as fast as they are served.
//
// Both are exponentially decaying averages over `memoryMs`:
//
//   saturatedShare > SATURATED_SHARE  and  arrivals > ARRIVAL_FACTOR * completions + MIN_SURPLUS

/** The share of the recent past with all slots taken from which on the service counts as overloaded. */
const SATURATED_SHARE = 0.5;
/** Arrivals and completions are remembered for a shorter time than saturation, because a burst arrives within moments. */
const RATE_MEMORY_SHARE = 1 / 3;
/** Arrivals must exceed completions by this factor, and by this number, because a few calls prove nothing. */
const ARRIVAL_FACTOR = 1.25;
const MIN_SURPLUS = 4;

export type OverloadDetector = {
  /** A call arrived, whether or not it is admitted. */
  onArrival(): void;
  /** An admitted call ended. */
  onCompletion(): void;
  /** Sets whether all slots are taken from now on; to be called on every change. */
  setSaturated(isSaturated: boolean): void;
  /** Whether all slots are taken and clearly more calls arrive than complete, even if only at this moment. */
  isOverloadedNow(): boolean;
  /** Whether that state lasts. */
  isOverloaded(): boolean;
};

/** Creates a detector. Older observations than `memoryMs` milliseconds count little. */
export function createOverloadDetector(memoryMs: number): OverloadDetector {
  let updatedMs = performance.now();
  let isSaturated = false;
  let saturatedShare = 0;
  let arrivals = 0;
  let completions = 0;

  const decay = (): void => {
    const now = performance.now();
    const shareDecay = Math.exp((updatedMs - now) / memoryMs);
    const rateDecay = Math.exp((updatedMs - now) / (RATE_MEMORY_SHARE * memoryMs));
    saturatedShare = shareDecay * saturatedShare + (isSaturated ? 1 - shareDecay : 0);
    arrivals *= rateDecay;
    completions *= rateDecay;
    updatedMs = now;
  };

  const hasSurplus = (): boolean => arrivals > ARRIVAL_FACTOR * completions + MIN_SURPLUS;

  return {
    onArrival: () => {
      decay();
      arrivals += 1;
    },
    onCompletion: () => {
      decay();
      completions += 1;
    },
    setSaturated: (saturated) => {
      decay();
      isSaturated = saturated;
    },
    isOverloadedNow: () => {
      decay();
      return isSaturated && hasSurplus();
    },
    isOverloaded: () => {
      decay();
      return saturatedShare > SATURATED_SHARE && hasSurplus();
    },
  };
}
