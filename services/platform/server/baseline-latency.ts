// The baseline latency of each method: its service time while calls do not slow each other down, as the minimum over the averages of
// small windows of calls. It rises only by windows that were measured on an (almost) unloaded service; otherwise a lasting overload
// would become the baseline, and the limit would grow until the service breaks down.
//
//   average(window) < baseline                      ->  baseline = average
//   average(window) > baseline, window unloaded     ->  baseline += RISE_RATE * (average - baseline)
//   average(window) > baseline, service under load  ->  baseline stays

/** Calls in a window: a single call proves little. */
const WINDOW_SIZE = 10;
/** The lowest baseline: differences below it are noise. */
const MIN_BASELINE_MS = 1;
/** How far the baseline rises towards the average of an unloaded window. */
const RISE_RATE = 0.3;

export type LatencySample = {
  /** What was called: each method has a baseline of its own. */
  readonly method: string;
  readonly serviceMs: number;
  /** Whether hardly any other call was in flight. */
  readonly isUnloaded: boolean;
};

export type BaselineLatency = {
  /** In milliseconds; undefined before the first sample of a method. */
  of(method: string): number | undefined;
  onSample(sample: LatencySample): void;
};

type Window = { baselineMs: number | undefined; calls: number; sumMs: number; isUnloaded: boolean };

/** Creates an estimator without samples. */
export function createBaselineLatency(): BaselineLatency {
  const windows = new Map<string, Window>();
  return {
    of: (method) => {
      const window = windows.get(method);
      return window && (window.baselineMs ?? averageOf(window));
    },
    onSample: ({ method, serviceMs, isUnloaded }) => {
      const window = windows.get(method) ?? { baselineMs: undefined, calls: 0, sumMs: 0, isUnloaded: true };
      windows.set(method, window);
      window.calls += 1;
      window.sumMs += serviceMs;
      window.isUnloaded &&= isUnloaded;
      if (window.calls < WINDOW_SIZE) return;
      const averageMs = averageOf(window);
      const baselineMs = window.baselineMs ?? averageMs;
      if (averageMs < baselineMs || !window.isUnloaded) window.baselineMs = Math.min(baselineMs, averageMs);
      else window.baselineMs = baselineMs + RISE_RATE * (averageMs - baselineMs);
      Object.assign(window, { calls: 0, sumMs: 0, isUnloaded: true });
    },
  };
}

function averageOf({ sumMs, calls }: Window): number {
  return Math.max(MIN_BASELINE_MS, sumMs / calls);
}
