// The pruner: deletes rows that are no longer needed, a bounded batch at a time: published events, receipts older than any possible
// redelivery, and what the rules of a service add. Rows that stand for a promise to a customer are kept, except those of synthetic work.

import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Database, Queryable } from './database.ts';
import { milliseconds, rawSql, sql } from './sql.ts';

const PERIOD_MS = 60_000;
const BATCH_SIZE = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Which rows are deleted, and when. Names and conditions are SQL written in the code, never input. */
export type PruneRule = {
  readonly table: string;
  /** The column whose age counts; rows with null in it are kept. An index begins with it, and covers the condition when few rows match. */
  readonly time: string;
  readonly windowMs: number;
  /** A further condition. */
  readonly where?: string;
};

/** The rules of every service. A receipt outlives the stream it protects against (30 days), so that no replay applies twice. */
export const MESSAGING_RULES: readonly PruneRule[] = [
  { table: 'outbox', time: 'sent_time', windowMs: DAY_MS },
  { table: 'inbox', time: 'receive_time', windowMs: 35 * DAY_MS },
  { table: 'event_failure', time: 'update_time', windowMs: 35 * DAY_MS },
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

/**
 * Deletes a batch of the rows that a rule no longer needs, the oldest first; returns how many. The order and the fixed limit make the
 * index on the time the cheapest way to them, so that looking for rows when there are none costs nothing.
 */
export async function prune(database: Queryable, rule: PruneRule): Promise<number> {
  const [table, time, condition] = [rule.table, rule.time, rule.where ?? 'true'].map(rawSql);
  const rows = await database.query(sql`delete from ${table} where ctid = any (array (
      select ctid from ${table} where ${time} < now() - ${milliseconds(rule.windowMs)} and (${condition})
      order by ${time} limit ${rawSql(`${BATCH_SIZE}`)} for update skip locked
    )) returning 1`);
  return rows.length;
}
