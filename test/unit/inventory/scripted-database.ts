// A fake database that answers statements from a list, for tests of use cases that do not depend on the SQL.
import { pino } from 'pino';
import { vi } from 'vitest';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type Sql, toStatement } from '#services/platform/storage/sql.ts';

/** The result of one statement: rows, or the error it throws. */
export type Answer = readonly object[] | Error;

export type Statement = {
  readonly text: string;
  readonly values: readonly unknown[];
};

/** Answers in this order; throws when a statement has no scripted answer. */
export function scriptDatabase(
  ...answers: readonly Answer[]
): Database & { readonly statements: readonly Statement[] } {
  const waiting = [...answers];
  const statements: Statement[] = [];
  const query = async <Row>(given: string | Sql, parameters: readonly unknown[] = []): Promise<Row[]> => {
    const { text, values } = typeof given === 'string' ? { text: given, values: parameters } : toStatement(given);
    statements.push({ text, values });
    const answer = waiting.shift();
    if (answer === undefined) throw new Error(`nothing was scripted for: ${text}`);
    if (answer instanceof Error) throw answer;
    return [...answer] as Row[];
  };
  return {
    statements,
    query,
    transaction: async (work) => {
      const hints: (() => void)[] = [];
      const result = await work({ query, afterCommit: (hint) => hints.push(hint) });
      for (const hint of hints) hint();
      return result;
    },
    warm: async () => undefined,
    close: async () => undefined,
  };
}

export const NOW = new Date('2026-01-02T03:04:05.678Z');
export const NEW_ID = '11111111-1111-4111-8111-111111111111';

/** Builds dependencies with the database, a fixed time and a fixed id. */
export function dependOn(database: Database) {
  const wakeRelay = vi.fn<() => void>();
  const log = pino({ level: 'silent' });
  const dependencies: InventoryDependencies = {
    database,
    log,
    batches: createReservationBatches({ database, log }),
    now: () => NOW,
    newId: () => NEW_ID,
    syntheticCredential: undefined,
    wakeRelay,
  };
  return { ...dependencies, wakeRelay };
}

/** A row of the table reservation. */
export function reservationRow(change: object = {}): object {
  return {
    order_id: 'ord1',
    reservation_id: 'res1',
    state: 'RESERVED',
    lines: [{ product_id: 'prod456', quantity: 2 }],
    shortages: [],
    version: 1,
    synthetic: false,
    update_time: NOW,
    ...change,
  };
}

/** A row of the statement that reserves: the reservation found or inserted, and the shortages. */
export function reserveRow(found: object | undefined, short: readonly object[] | null = null): object {
  return { order_id: null, ...found, short };
}

/** A row of the table product. */
export function productRow(change: object = {}): object {
  return {
    product_id: 'prod456',
    name: 'Plate',
    currency_code: 'EUR',
    unit_price_minor: '2000',
    on_hand: 100,
    reserved: 10,
    sold: '5',
    version: '3',
    update_time: NOW,
    ...change,
  };
}
