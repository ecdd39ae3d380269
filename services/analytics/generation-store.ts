// The SQL of generations. A generation is one build of the sales projection from the streams: one is served, at most one is being
// rebuilt.

import { DomainError, failedPrecondition } from '../platform/base/errors.ts';
import type { Database, Transaction } from '../platform/storage/database.ts';
import { joinSql, rawSql, sql } from '../platform/storage/sql.ts';
import { type Producer, STEPS_OF_PRODUCER } from './sales.ts';

const REBUILD_RUNNING = 'REBUILD_RUNNING';

/** The state of a rebuild. */
export type Rebuild = { readonly startTime: Date; readonly finishTime: Date | undefined };

/** The generation that is being rebuilt. */
export type BuildingGeneration = {
  readonly generation: number;
  /** By producer: the last sequence of its stream when its consumer was reset to the start. */
  readonly rewound: Readonly<Partial<Record<Producer, number>>>;
};

export type GenerationStore = {
  /**
   * Starts a rebuild, or finds the one of this key.
   * @throws {DomainError} REBUILD_RUNNING while a rebuild of another key runs.
   */
  begin(idempotencyKey: string): Promise<{ readonly rebuild: Rebuild; readonly isNew: boolean }>;
  findBuilding(): Promise<BuildingGeneration | undefined>;
  /**
   * Copies the rows of a producer's events older than `horizon`, which its stream no longer holds, at most `limit` of each kind.
   * Returns whether more are left.
   */
  carryOver(generation: number, producer: Producer, horizon: Date, limit: number): Promise<boolean>;
  /** Stores that a producer's stream is read from the start again; the catch-up ends at `lastSequence`. */
  markRewound(generation: number, producer: Producer, lastSequence: number): Promise<void>;
  /** Serves a rebuilt generation instead of the previous one. Returns false when it is served already. */
  finish(generation: number): Promise<boolean>;
  /** Deletes rows of retired generations, at most `limit` of each kind; returns whether more are left. */
  deleteRetired(limit: number): Promise<boolean>;
};

const SERVING = rawSql("(select generation from generation where state = 'SERVING')");

/** The tables whose rows belong to a generation, each with its primary key. */
const KEYS = [
  ['order_step', 'generation, order_id, step'],
  ['sale_line', 'generation, order_id, product_id'],
  ['product_name', 'generation, product_id'],
  ['step_sum', 'generation, unit, start_time, step, synthetic, reason, currency_code'],
  ['product_sum', 'generation, unit, start_time, product_id, currency_code'],
  ['sold_minute', 'generation, start_time'],
  ['sold_day', 'generation, start_time'],
] as const;

type RebuildRow = { start_time: Date; finish_time: Date | null };

/** Creates the store. */
export function createGenerationStore(database: Database): GenerationStore {
  return {
    begin: async (idempotencyKey) => {
      const known = await findRebuild(database, idempotencyKey);
      if (known !== undefined) return { rebuild: known, isNew: false };
      if ((await findBuilding(database)) !== undefined) throw rebuildRunning();
      try {
        const rebuild = await database.transaction((transaction) => beginGeneration(transaction, idempotencyKey));
        return { rebuild, isNew: true };
      } catch (error) {
        if (!(error instanceof DomainError) || error.reason !== REBUILD_RUNNING) throw error;
        // A concurrent call was faster, possibly with the same key.
        const rebuild = await findRebuild(database, idempotencyKey);
        if (rebuild === undefined) throw error;
        return { rebuild, isNew: false };
      }
    },

    findBuilding: () => findBuilding(database),

    carryOver: async (generation, producer, horizon, limit) => {
      const counts = [await carrySteps(database, generation, producer, horizon, limit)];
      if (producer === 'order') counts.push(await carryLines(database, generation, horizon, limit));
      if (producer === 'inventory') counts.push(await carryNames(database, generation, horizon, limit));
      return counts.includes(limit);
    },

    markRewound: async (generation, producer, lastSequence) => {
      await database.query(
        sql`update generation set rewound = rewound || jsonb_build_object(${producer}::text, ${lastSequence}::bigint)
          where generation = ${generation} and state = 'BUILDING'`,
      );
    },

    finish: (generation) =>
      database.transaction(async (transaction) => {
        const building = await transaction.query(
          sql`select generation from generation where generation = ${generation} and state = 'BUILDING' for update`,
        );
        if (building.length === 0) return false;
        await transaction.query(sql`update generation set state = 'RETIRED' where state = 'SERVING'`);
        await transaction.query(
          sql`update generation set state = 'SERVING', finish_time = now() where generation = ${generation}`,
        );
        return true;
      }),

    deleteRetired: async (limit) => {
      if (!(await hasRetired(database))) return false;
      let more = false;
      for (const [table, key] of KEYS) {
        // In the order of the key and with a fixed limit, which make its index the cheapest way to the rows.
        const rows = await database.query(
          sql`delete from ${rawSql(table)} where ctid = any (array (
              select ctid from ${rawSql(table)} where generation < ${SERVING} order by ${rawSql(key)} limit ${rawSql(`${limit}`)}
            )) returning generation`,
        );
        more ||= rows.length === limit;
      }
      return more;
    },
  };
}

// `truncate` takes an exclusive lock: it waits for the running handlers, and later handlers wait for it. So every event is either
// applied before and read again, or applied after and written to the new generation.
async function beginGeneration(transaction: Transaction, idempotencyKey: string): Promise<Rebuild> {
  await transaction.query(sql`truncate inbox`);
  const [begun] = await transaction.query<RebuildRow>(
    sql`insert into generation (generation, state, idempotency_key)
      select max(generation) + 1, 'BUILDING', ${idempotencyKey}::text from generation
      on conflict do nothing returning start_time, finish_time`,
  );
  if (begun === undefined) throw rebuildRunning(); // Rolls the truncate back as well.
  return toRebuild(begun);
}

// One look at the beginning of each table's index.
async function hasRetired(database: Database): Promise<boolean> {
  const first = KEYS.map(([table]) => rawSql(`(select min(generation) from ${table})`));
  const rows = await database.query(sql`select where least(${joinSql(first, ', ')}) < ${SERVING}`);
  return rows.length > 0;
}

async function findRebuild(database: Database, idempotencyKey: string): Promise<Rebuild | undefined> {
  const [row] = await database.query<RebuildRow>(
    sql`select start_time, finish_time from generation where idempotency_key = ${idempotencyKey}`,
  );
  return row === undefined ? undefined : toRebuild(row);
}

async function findBuilding(database: Database): Promise<BuildingGeneration | undefined> {
  const [row] = await database.query<BuildingGeneration>(
    sql`select generation, rewound from generation where state = 'BUILDING'`,
  );
  return row;
}

async function carrySteps(
  database: Database,
  generation: number,
  producer: Producer,
  horizon: Date,
  limit: number,
): Promise<number> {
  const rows = await database.query(
    sql`insert into order_step (generation, order_id, step, time, synthetic, reason, currency_code, total_minor)
      select ${generation}::int, order_id, step, time, synthetic, reason, currency_code, total_minor from order_step as old
      where generation = ${SERVING} and step = any (${STEPS_OF_PRODUCER[producer]}::text[]) and time < ${horizon} and not exists (
        select from order_step as new
        where new.generation = ${generation} and new.order_id = old.order_id and new.step = old.step
      ) limit ${limit} on conflict do nothing returning step`,
  );
  return rows.length;
}

async function carryLines(database: Database, generation: number, horizon: Date, limit: number): Promise<number> {
  const rows = await database.query(
    sql`insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
      select ${generation}::int, order_id, product_id, time, quantity, currency_code, gross_minor from sale_line as old
      where generation = ${SERVING} and time < ${horizon} and not exists (
        select from sale_line as new
        where new.generation = ${generation} and new.order_id = old.order_id and new.product_id = old.product_id
      ) limit ${limit} on conflict do nothing returning product_id`,
  );
  return rows.length;
}

async function carryNames(database: Database, generation: number, horizon: Date, limit: number): Promise<number> {
  const rows = await database.query(
    sql`insert into product_name (generation, product_id, name, version, time)
      select ${generation}::int, product_id, name, version, time from product_name as old
      where generation = ${SERVING} and time < ${horizon} and not exists (
        select from product_name as new where new.generation = ${generation} and new.product_id = old.product_id
      ) limit ${limit} on conflict do nothing returning product_id`,
  );
  return rows.length;
}

function rebuildRunning() {
  return failedPrecondition(REBUILD_RUNNING, 'a rebuild of another key is running');
}

function toRebuild({ start_time, finish_time }: RebuildRow): Rebuild {
  return { startTime: start_time, finishTime: finish_time ?? undefined };
}
