// All SQL about generations: makings of all sums from the streams, of which one serves and at most one is being built.

import { DomainError, failedPrecondition } from '../platform/base/errors.ts';
import type { Database, Transaction } from '../platform/storage/database.ts';
import { type Producer, STEPS_TOLD_BY } from './sales.ts';

const REBUILD_RUNNING = 'REBUILD_RUNNING';

/** A rebuild as who asked for it sees it. */
export type Rebuild = { readonly startTime: Date; readonly finishTime: Date | undefined };

/** The generation that is being built. */
export type BuildingGeneration = {
  readonly generation: number;
  /** By producer: the last sequence of its stream when it began to be read from the start again. */
  readonly rewound: Readonly<Partial<Record<Producer, number>>>;
};

export type GenerationStore = {
  /**
   * Begins a rebuild, or finds the one of this key. Throws DomainError `failed_precondition` REBUILD_RUNNING while that of
   * another key runs.
   */
  begin(idempotencyKey: string): Promise<{ readonly rebuild: Rebuild; readonly isNew: boolean }>;
  findBuilding(): Promise<BuildingGeneration | undefined>;
  /** Copies what a producer told before `horizon` into a generation, at most `limit` rows of each kind; returns whether more is left. */
  carryOver(generation: number, producer: Producer, horizon: Date, limit: number): Promise<boolean>;
  /** Stores that a producer's stream is read from the start again, to be caught up at `lastSequence`. */
  markRewound(generation: number, producer: Producer, lastSequence: number): Promise<void>;
  /** Has a built generation serve in the place of the one before it. Returns whether it did not yet. */
  finish(generation: number): Promise<boolean>;
  /** Deletes rows of generations that serve no more, at most `limit` of each kind; returns whether more is left. */
  deleteRetired(limit: number): Promise<boolean>;
};

type RebuildRow = { start_time: Date; finish_time: Date | null };

/** Makes the store. */
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
        // Somebody was faster, maybe with the same key.
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
        `update generation set rewound = rewound || jsonb_build_object($2::text, $3::bigint)
         where generation = $1 and state = 'BUILDING'`,
        [generation, producer, lastSequence],
      );
    },

    finish: (generation) =>
      database.transaction(async (transaction) => {
        const building = await transaction.query(
          "select generation from generation where generation = $1 and state = 'BUILDING' for update",
          [generation],
        );
        if (building.length === 0) return false;
        await transaction.query("update generation set state = 'RETIRED' where state = 'SERVING'");
        await transaction.query("update generation set state = 'SERVING', finish_time = now() where generation = $1", [
          generation,
        ]);
        return true;
      }),

    deleteRetired: async (limit) => {
      let more = false;
      for (const table of ['order_step', 'sale_line', 'product_name']) {
        const rows = await database.query(
          `delete from ${table} where ctid = any (array (
             select ctid from ${table} where generation < (select generation from generation where state = 'SERVING') limit $1
           )) returning generation`,
          [limit],
        );
        more ||= rows.length === limit;
      }
      return more;
    },
  };
}

// Forgetting all receipts waits for the handlers that run, and those to come wait for it: whatever was applied before is
// forgotten and read again, whatever comes after finds the new generation.
async function beginGeneration(transaction: Transaction, idempotencyKey: string): Promise<Rebuild> {
  await transaction.query('truncate inbox');
  const [begun] = await transaction.query<RebuildRow>(
    `insert into generation (generation, state, idempotency_key)
     select max(generation) + 1, 'BUILDING', $1 from generation
     on conflict do nothing returning start_time, finish_time`,
    [idempotencyKey],
  );
  if (begun === undefined) throw rebuildRunning(); // Which also gives the receipts back.
  return toRebuild(begun);
}

async function findRebuild(database: Database, idempotencyKey: string): Promise<Rebuild | undefined> {
  const [row] = await database.query<RebuildRow>(
    'select start_time, finish_time from generation where idempotency_key = $1',
    [idempotencyKey],
  );
  return row === undefined ? undefined : toRebuild(row);
}

async function findBuilding(database: Database): Promise<BuildingGeneration | undefined> {
  const [row] = await database.query<BuildingGeneration>(
    "select generation, rewound from generation where state = 'BUILDING'",
  );
  return row;
}

const SERVING = "(select generation from generation where state = 'SERVING')";

async function carrySteps(
  database: Database,
  generation: number,
  producer: Producer,
  horizon: Date,
  limit: number,
): Promise<number> {
  const rows = await database.query(
    `insert into order_step (generation, order_id, step, time, synthetic, reason, currency_code, total_minor)
     select $1, order_id, step, time, synthetic, reason, currency_code, total_minor from order_step as old
     where generation = ${SERVING} and step = any ($2::text[]) and time < $3 and not exists (
       select from order_step as new where new.generation = $1 and new.order_id = old.order_id and new.step = old.step
     ) limit $4 on conflict do nothing returning step`,
    [generation, STEPS_TOLD_BY[producer], horizon, limit],
  );
  return rows.length;
}

async function carryLines(database: Database, generation: number, horizon: Date, limit: number): Promise<number> {
  const rows = await database.query(
    `insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
     select $1, order_id, product_id, time, quantity, currency_code, gross_minor from sale_line as old
     where generation = ${SERVING} and time < $2 and not exists (
       select from sale_line as new
       where new.generation = $1 and new.order_id = old.order_id and new.product_id = old.product_id
     ) limit $3 on conflict do nothing returning product_id`,
    [generation, horizon, limit],
  );
  return rows.length;
}

async function carryNames(database: Database, generation: number, horizon: Date, limit: number): Promise<number> {
  const rows = await database.query(
    `insert into product_name (generation, product_id, name, version, time)
     select $1, product_id, name, version, time from product_name as old
     where generation = ${SERVING} and time < $2 and not exists (
       select from product_name as new where new.generation = $1 and new.product_id = old.product_id
     ) limit $3 on conflict do nothing returning product_id`,
    [generation, horizon, limit],
  );
  return rows.length;
}

function rebuildRunning() {
  return failedPrecondition(REBUILD_RUNNING, 'the sums are being made anew already, for another key');
}

function toRebuild({ start_time, finish_time }: RebuildRow): Rebuild {
  return { startTime: start_time, finishTime: finish_time ?? undefined };
}
