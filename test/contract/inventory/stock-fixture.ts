// Inventory as a consumer of events: its real handlers and database, with the initial catalogue.
import { randomUUID } from 'node:crypto';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { putProduct } from '#services/inventory/upsert-product.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';
import { silentLog } from '../../support/services/order-builders.ts';

export type StockFixture = EventFixture & {
  readonly dependencies: InventoryDependencies;
  /** Resets to the initial catalogue: prod456 x 100, prod789 x 50. */
  begin(): Promise<void>;
  /** Returns the available stock of prod456 and prod789. */
  available(): Promise<number[]>;
  /** The states of the reservations, by order. */
  states(): Promise<Record<string, string>>;
  /** Returns the subjects of the events in the outbox. */
  reported(): Promise<string[]>;
};

export async function openStockFixture(): Promise<StockFixture> {
  const dependenciesOf = (database: Database): InventoryDependencies => ({
    database,
    log: silentLog,
    batches: createReservationBatches({ database, log: silentLog }),
    now: () => new Date(),
    newId: randomUUID,
    syntheticCredential: undefined,
    wakeRelay: () => undefined,
  });
  const fixture = await openEventFixture('inventory', (database) =>
    createInventorySubscriptions(dependenciesOf(database)),
  );
  const { database, sql } = fixture;
  return {
    ...fixture,
    dependencies: dependenciesOf(database),
    begin: async () => {
      await fixture.empty();
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
    reported: async () => {
      const rows = await sql<{ subject: string }>('select subject from outbox order by subject');
      return rows.map(({ subject }) => subject);
    },
  };
}
