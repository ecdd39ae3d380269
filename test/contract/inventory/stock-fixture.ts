// Inventory as a consumer of events: its real handlers and database, filled as on the first day.
import { randomUUID } from 'node:crypto';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { putProduct } from '#services/inventory/upsert-product.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';
import { silentLog } from '../../support/services/order-builders.ts';

export interface StockRoom extends EventFixture {
  readonly dependencies: InventoryDependencies;
  /** Begins anew with the catalogue of the first day: prod456 100 times, prod789 50 times. */
  begin(): Promise<void>;
  /** How many of prod456 and of prod789 can be ordered. */
  available(): Promise<number[]>;
  /** The states of the reservations, by order. */
  states(): Promise<Record<string, string>>;
  /** The subjects of the events that inventory is about to publish. */
  told(): Promise<string[]>;
}

export async function openStockRoom(): Promise<StockRoom> {
  const dependenciesOf = (database: Database): InventoryDependencies => ({
    database,
    log: silentLog,
    now: () => new Date(),
    newId: randomUUID,
    syntheticCredential: undefined,
    wakeRelay: () => undefined,
  });
  const desk = await openEventFixture('inventory', (database) =>
    createInventorySubscriptions(dependenciesOf(database)),
  );
  const { database, sql } = desk;
  return {
    ...desk,
    dependencies: dependenciesOf(database),
    begin: async () => {
      await desk.empty();
      await database.transaction(async (transaction) => {
        for (const draft of FIRST_CATALOGUE) await putProduct(transaction, draft, new Date());
      });
      await sql('delete from outbox');
    },
    available: async () => {
      const text = `select on_hand - reserved as available from product
        where product_id in ('prod456', 'prod789') order by product_id`;
      return (await sql<{ available: number }>(text)).map(({ available }) => available);
    },
    states: async () => {
      const rows = await sql<{ order_id: string; state: string }>('select order_id, state from reservation');
      return Object.fromEntries(rows.map(({ order_id, state }) => [order_id, state]));
    },
    told: async () => {
      const rows = await sql<{ subject: string }>('select subject from outbox order by subject');
      return rows.map(({ subject }) => subject);
    },
  };
}
