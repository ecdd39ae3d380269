// An adaptive concurrency limit, in the manner of Netflix's Gradient2Limit: it compares the service time of each call with the baseline
// latency of its method, grows while calls are about as fast as the baseline, and shrinks when they slow each other down. Service time
// (service-time.ts) excludes waits for dependencies, so a slow dependency does not shrink the limit.
//
// Gradient2Limit updates once per sample window, limit = limit * gradient + queueSize, with
//
//   gradient = max(0.5, min(1, tolerance * longRtt / shortRtt))
//
// Here each call that ends moves the limit by a step, so that a round of `limit` calls moves it by a share of itself:
//
//   tolerated = max(TOLERANCE * baseline, baseline + WAIT_SHARE * waited)
//   headroom  = 1 - serviceTime / tolerated
//   step      = max(-MAX_DECREASE, headroom)                                              when headroom < 0
//   step      = min(MAX_INCREASE, INCREASE_STEP * (headroom / (1 - 1 / TOLERANCE)) ^ 2)   otherwise
//   limit     = min(ceiling, max(lowest, limit + step))
//
// A call at the baseline has the headroom 1 - 1 / TOLERANCE, so it adds INCREASE_STEP; the square makes growth careful near the limit.
// The limit starts at the ceiling and falls only while the service is saturated, down to `lowest`, MIN_LIMIT. With no backlog, fewer slots
// make no caller faster, and calls that run together share statements, so that each costs less. Then each call raises it by
// RECOVERY_RATE * (ceiling - limit) at least; while at most half of it is used, by exactly this.
import { createBaselineLatency } from './baseline-latency.ts';

/** The lowest limit: so few calls hardly slow each other down. */
const MIN_LIMIT = 4;
/** How many times longer than its baseline a call may take. */
const TOLERANCE = 1.5;
/** A call that waits long for dependencies may lose this share of the wait as well: its caller does not notice. */
const WAIT_SHARE = 0.1;
/** The most by which a call lowers the limit: a round of slow calls halves it at most. */
const MAX_DECREASE = 0.5;
/** By how much a call at the baseline raises the limit. Smaller under saturation, where an oscillating limit delays every call. */
const INCREASE_STEP = 0.25;
const INCREASE_STEP_SATURATED = 0.05;
/** The most by which a call raises the limit that also waited long. */
const MAX_INCREASE = 1;
const RECOVERY_RATE = 0.01;

export type CallSample = {
  readonly method: string;
  readonly serviceMs: number;
  /** How long the call waited for dependencies. */
  readonly waitedMs: number;
  /** Calls in flight at the time, this one included. */
  readonly inFlight: number;
  /** Whether the call failed: then it may have done little, so it counts only when it was slow nevertheless. */
  readonly hasFailed: boolean;
  /** Whether more calls arrive than are completed. */
  readonly isSaturated: boolean;
};

export type ConcurrencyLimit = {
  /** The current limit, a whole number. */
  current(): number;
  /** Adjusts the limit to a call that ended. */
  onSample(sample: CallSample): void;
};

/** Creates a limit that starts at `ceiling` and never exceeds it. */
export function createConcurrencyLimit(ceiling: number): ConcurrencyLimit {
  const minimum = Math.min(MIN_LIMIT, ceiling);
  const baseline = createBaselineLatency();
  let limit = ceiling;

  const recoveryStep = (): number => RECOVERY_RATE * (ceiling - limit);

  const stepAfter = ({ method, serviceMs, waitedMs, inFlight, hasFailed, isSaturated }: CallSample): number => {
    // A limit that is not reached is neither confirmed nor refuted by the call.
    if (inFlight <= limit / 2) return recoveryStep();
    const baselineMs = baseline.of(method);
    if (baselineMs === undefined) return 0;
    const toleratedMs = Math.max(TOLERANCE * baselineMs, baselineMs + WAIT_SHARE * waitedMs);
    const headroom = 1 - serviceMs / toleratedMs;
    if (headroom < 0) return Math.max(-MAX_DECREASE, headroom);
    if (hasFailed) return 0;
    const increaseStep = isSaturated ? INCREASE_STEP_SATURATED : INCREASE_STEP;
    return Math.min(MAX_INCREASE, increaseStep * (headroom / (1 - 1 / TOLERANCE)) ** 2);
  };

  return {
    current: () => Math.floor(limit),
    onSample: (sample) => {
      const lowest = sample.isSaturated ? minimum : limit + recoveryStep();
      limit = Math.min(ceiling, Math.max(lowest, limit + stepAfter(sample)));
      if (!sample.hasFailed) baseline.onSample({ ...sample, isUnloaded: sample.inFlight <= minimum });
    },
  };
}
