// The use cases of inventory on a real Postgres, with a database for each test file and empty tables for each test. Statements may
// wait longer than in the service, so that a test can hold a lock.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';

export type InventoryUseCases = {
  readonly dependencies: InventoryDependencies;
  readonly database: Database;
  /** Runs a statement, bypassing the use cases. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Inserts a product with this stock. */
  addProduct(productId: string, onHand: number): Promise<void>;
  /** The stock of a product. */
  stockOf(productId: string): Promise<{ on_hand: number; reserved: number; sold: number }>;
  /** Waits until a statement waits for the lock of another transaction. */
  waitForBlocked(): Promise<void>;
  /** The subjects of the stored events, sorted. */
  subjects(): Promise<string[]>;
};

/** Registers the hooks of a test file that open and close its database. */
export function useInventory(): InventoryUseCases {
  const resources = new AsyncDisposableStack();
  let database: Database;
  beforeAll(async () => {
    const { databaseUrl } = resources.use(await createTestDatabase('inventory'));
    database = createDatabase({ url: databaseUrl, size: 4, timeoutMs: 20_000, log: pino({ level: 'silent' }) });
    resources.defer(() => database.close());
  });
  afterAll(() => resources.disposeAsync());
  beforeEach(async () => {
    await database.query('truncate product, reservation, stock_adjustment, catalogue_seed, outbox');
  });

  const query: InventoryUseCases['query'] = (text, values) => database.query(text, values);
  return {
    get database() {
      return database;
    },
    get dependencies() {
      const log = pino({ level: 'silent' });
      return {
        database,
        log,
        batches: createReservationBatches({ database, log }),
        now: () => new Date(),
        newId: () => randomUUID(),
        syntheticCredential: undefined,
        wakeRelay: () => undefined,
      };
    },
    query,
    addProduct: async (productId, onHand) => {
      await query(
        `insert into product (product_id, name, currency_code, unit_price_minor, on_hand, update_time)
         values ($1, $1, 'EUR', 100, $2, now())`,
        [productId, onHand],
      );
    },
    stockOf: async (productId) => {
      const [stock] = await query<{ on_hand: number; reserved: number; sold: number }>(
        'select on_hand, reserved, sold::int from product where product_id = $1',
        [productId],
      );
      if (stock === undefined) throw new Error(`there is no product ${productId}`);
      return stock;
    },
    waitForBlocked: async () => {
      const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await vi.waitFor(async () => expect(await query(blocked)).toHaveLength(1), { timeout: 15_000, interval: 10 });
    },
    subjects: async () =>
      (await query<{ subject: string }>('select subject from outbox order by 1')).map(({ subject }) => subject),
  };
}
