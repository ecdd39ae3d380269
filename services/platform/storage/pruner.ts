// Forgets what is no longer needed, a bounded batch at a time: published events, receipts that outlived every possible repeat,
// and what a service adds of its own. Rows that stand for a promise
// (orders, reservations, charges) stay, but for those of synthetic orders.

import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from './database.ts';

const PERIOD_MS = 60_000;
const BATCH_SIZE = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** What may be forgotten, and when. Names are the code's own, never input. */
export type PruneRule = {
  readonly table: string;
  readonly key: string;
  /** The column whose age counts; rows without a value stay. */
  readonly time: string;
  readonly windowMs: number;
  /** Which rows besides: a condition, as the code's own text. */
  readonly where?: string;
};

/** The rules of every service. A receipt outlives the stream it protects against (30 days), so that no replay applies twice. */
export const MESSAGING_RULES: readonly PruneRule[] = [
  { table: 'outbox', key: 'event_id', time: 'sent_time', windowMs: DAY_MS },
  { table: 'inbox', key: 'event_id', time: 'receive_time', windowMs: 35 * DAY_MS },
  { table: 'event_failure', key: 'event_id', time: 'update_time', windowMs: 35 * DAY_MS },
];

/** Makes the loop that applies the rules once a minute, on any number of replicas. */
export function createPruner(database: Database, rules: readonly PruneRule[], log: Logger): Worker {
  return createWorker({
    name: 'pruner',
    periodMs: PERIOD_MS,
    log,
    work: async (signal) => {
      let more = false;
      for (const rule of rules) {
        if (signal.aborted) return false;
        more = (await prune(database, rule)) === BATCH_SIZE || more;
      }
      return more;
    },
  });
}

async function prune(database: Database, { table, key, time, windowMs, where = 'true' }: PruneRule): Promise<number> {
  const rows = await database.query(
    `delete from ${table} where ${key} in (
       select ${key} from ${table} where ${time} < now() - $1::float8 * interval '1 millisecond' and (${where})
       limit $2 for update skip locked
     ) returning ${key}`,
    [windowMs, BATCH_SIZE],
  );
  return rows.length;
}
