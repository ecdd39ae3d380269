// Startup component that inserts the initial catalogue, once for each database: products removed later do not come back.
import { backoffMs, pause } from '../platform/base/backoff.ts';
import type { Component } from '../platform/base/lifecycle.ts';
import { isDatabaseOutage } from '../platform/storage/database.ts';
import { FIRST_CATALOGUE, FIRST_CATALOGUE_NAME } from './catalogue.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { recordSeed } from './product-store.ts';
import { putProduct } from './upsert-product.ts';

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** Creates the component. Its start retries while the database is unavailable, until it is stopped. */
export function createCatalogueSeed(dependencies: InventoryDependencies): Component {
  const stopping = new AbortController();
  return {
    name: 'seed catalogue',
    start: async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await seedCatalogue(dependencies);
          return;
        } catch (error) {
          if (stopping.signal.aborted || !isDatabaseOutage(error)) throw error;
          dependencies.log.warn({ err: error }, 'the initial catalogue could not be inserted, retrying');
          await pause(backoffMs(attempt, FIRST_DELAY_MS, MAX_DELAY_MS), stopping.signal);
        }
      }
    },
    stop: async () => stopping.abort(),
  };
}

/** Inserts the initial catalogue in one transaction, unless it was inserted before; returns whether this call inserted it. */
export async function seedCatalogue({ database, log, now, wakeRelay }: InventoryDependencies): Promise<boolean> {
  const isNew = await database.transaction(async (transaction) => {
    if (!(await recordSeed(transaction, FIRST_CATALOGUE_NAME, now()))) return false;
    for (const draft of FIRST_CATALOGUE) await putProduct(transaction, draft, now());
    return true;
  });
  if (isNew) {
    wakeRelay();
    log.info({ products: FIRST_CATALOGUE.length }, 'initial catalogue inserted');
  }
  return isNew;
}
