// The pruner: deletes rows that are no longer needed, a bounded batch at a time: published events, receipts older than any possible
// redelivery, and what the rules of a service add. Rows that stand for a promise to a customer are kept, except those of synthetic work.

import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from './database.ts';
import { milliseconds, rawSql, sql } from './sql.ts';

const PERIOD_MS = 60_000;
const BATCH_SIZE = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Which rows are deleted, and when. Names and conditions are SQL written in the code, never input. */
export type PruneRule = {
  readonly table: string;
  readonly key: string;
  /** The column whose age counts; rows with null in it are kept. */
  readonly time: string;
  readonly windowMs: number;
  /** A further condition. */
  readonly where?: string;
};

/** The rules of every service. A receipt outlives the stream it protects against (30 days), so that no replay applies twice. */
export const MESSAGING_RULES: readonly PruneRule[] = [
  { table: 'outbox', key: 'event_id', time: 'sent_time', windowMs: DAY_MS },
  { table: 'inbox', key: 'event_id', time: 'receive_time', windowMs: 35 * DAY_MS },
  { table: 'event_failure', key: 'event_id', time: 'update_time', windowMs: 35 * DAY_MS },
];

/** Creates the loop that applies the rules once a minute; any number of replicas may run it. */
export function createPruner(database: Database, rules: readonly PruneRule[], log: Logger): Worker {
  return createWorker({
    name: 'pruner',
    periodMs: PERIOD_MS,
    log,
    work: async (signal) => {
      let hasMore = false;
      for (const rule of rules) {
        if (signal.aborted) return false;
        hasMore = (await prune(database, rule)) === BATCH_SIZE || hasMore;
      }
      return hasMore;
    },
  });
}

async function prune(database: Database, rule: PruneRule): Promise<number> {
  const [table, key, time, condition] = [rule.table, rule.key, rule.time, rule.where ?? 'true'].map(rawSql);
  const rows = await database.query(sql`delete from ${table} where ${key} in (
      select ${key} from ${table} where ${time} < now() - ${milliseconds(rule.windowMs)} and (${condition})
      limit ${BATCH_SIZE} for update skip locked
    ) returning ${key}`);
  return rows.length;
}
