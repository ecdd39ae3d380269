// What calls of each kind take while they do not get in each other's way: the shortest average of a few in a row. It grows longer
// again only by what is seen while hardly any are at work, so that a lasting overload is never taken for how things are.

/** Calls in a row of which the average is taken: a single one says little. */
const IN_A_ROW = 10;
/** Below that a difference in time is none. */
const LEAST_MS = 1;
/** How much of the way up is gone at once. */
const RAISE_SHARE = 0.3;

export type CallTime = {
  /** What was called: each kind takes a time of its own. */
  readonly kind: string;
  readonly serviceMs: number;
  /** Whether hardly any others were at work. */
  readonly isAlone: boolean;
};

export type BaselineLatency = {
  /** In milliseconds; undefined before the first call of a kind. */
  of(kind: string): number | undefined;
  learn(call: CallTime): void;
};

type Kind = { shortestMs: number | undefined; calls: number; sumMs: number; areAlone: boolean };

/** Makes it without any knowledge. */
export function createBaselineLatency(): BaselineLatency {
  const kinds = new Map<string, Kind>();
  return {
    of: (name) => {
      const kind = kinds.get(name);
      return kind && (kind.shortestMs ?? averageOf(kind));
    },
    learn: ({ kind: name, serviceMs, isAlone }) => {
      const kind = kinds.get(name) ?? { shortestMs: undefined, calls: 0, sumMs: 0, areAlone: true };
      kinds.set(name, kind);
      kind.calls += 1;
      kind.sumMs += serviceMs;
      kind.areAlone &&= isAlone;
      if (kind.calls < IN_A_ROW) return;
      const averageMs = averageOf(kind);
      const knownMs = kind.shortestMs ?? averageMs;
      if (averageMs < knownMs || !kind.areAlone) kind.shortestMs = Math.min(knownMs, averageMs);
      else kind.shortestMs = knownMs + RAISE_SHARE * (averageMs - knownMs);
      Object.assign(kind, { calls: 0, sumMs: 0, areAlone: true });
    },
  };
}

function averageOf({ sumMs, calls }: Kind): number {
  return Math.max(LEAST_MS, sumMs / calls);
}
