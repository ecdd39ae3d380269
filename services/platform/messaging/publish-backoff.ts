// Which rows of the outbox rest: those that failed to be published again and again give way to the others for a while, so that a
// hundred that never can be do not stand before all others for ever.

const REST_MS = 2_000;
// The first failure may be the broker's; the next one is taken for the row's.
const FAILURES_BEFORE_REST = 2;
const MAX_KNOWN = 1_000;
const FORGET_MS = 60_000;

export type PublishBackoff = {
  noteFailed(ids: readonly string[]): void;
  noteSent(ids: readonly string[]): void;
  /** The rows that rest now. */
  list(): string[];
};

/** Makes the memory of one relay, 1,000 rows at most. `now` gives monotonic milliseconds. */
export function createPublishBackoff(now: () => number = () => performance.now()): PublishBackoff {
  const failed = new Map<string, { failures: number; until: number }>();
  return {
    noteFailed: (ids) => {
      for (const id of ids) {
        const failures = (failed.get(id)?.failures ?? 0) + 1;
        if (failures === 1 && failed.size >= MAX_KNOWN) return;
        failed.set(id, { failures, until: failures < FAILURES_BEFORE_REST ? now() : now() + REST_MS });
      }
    },
    noteSent: (ids) => {
      for (const id of ids) failed.delete(id);
    },
    list: () => {
      // Another replica may have sent it meanwhile.
      for (const [id, { until }] of failed) if (until + FORGET_MS < now()) failed.delete(id);
      return [...failed].flatMap(([id, { until }]) => (until > now() ? [id] : []));
    },
  };
}
