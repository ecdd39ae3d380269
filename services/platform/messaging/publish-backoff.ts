// The backoff of outbox rows that repeatedly fail to be published: they are skipped for a while. Otherwise a batch of rows that can never
// be published would block all rows behind it.

const BACKOFF_MS = 2_000;
// The first failure may be the broker's; the second one is attributed to the row.
const FAILURES_BEFORE_BACKOFF = 2;
const MAX_ROWS = 1_000;
const FORGET_MS = 60_000;

export type PublishBackoff = {
  onFailed(ids: readonly string[]): void;
  onPublished(ids: readonly string[]): void;
  /** The rows to skip now. */
  list(): string[];
};

/** Creates the backoff of one relay, for at most 1,000 rows. `now` returns monotonic milliseconds. */
export function createPublishBackoff(now: () => number = () => performance.now()): PublishBackoff {
  const rows = new Map<string, { failures: number; until: number }>();
  return {
    onFailed: (ids) => {
      for (const id of ids) {
        const failures = (rows.get(id)?.failures ?? 0) + 1;
        if (failures === 1 && rows.size >= MAX_ROWS) return;
        rows.set(id, { failures, until: failures < FAILURES_BEFORE_BACKOFF ? now() : now() + BACKOFF_MS });
      }
    },
    onPublished: (ids) => {
      for (const id of ids) rows.delete(id);
    },
    list: () => {
      // Forget old rows: another replica may have published them in the meantime.
      for (const [id, { until }] of rows) if (until + FORGET_MS < now()) rows.delete(id);
      return [...rows].flatMap(([id, { until }]) => (until > now() ? [id] : []));
    },
  };
}
