// Puts the catalogue of the first day in, before the service serves for the first time; never again, whatever became of it.
import { backoffMs, pause } from '../platform/base/backoff.ts';
import type { Component } from '../platform/base/lifecycle.ts';
import { isDatabaseOutage } from '../platform/storage/database.ts';
import { FIRST_CATALOGUE, FIRST_CATALOGUE_NAME } from './catalogue.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { recordSeed } from './product-store.ts';
import { putProduct } from './upsert-product.ts';

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** The part of the service's start that seeds. Waits for a database that is away, until it is stopped. */
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
          dependencies.log.warn({ err: error }, 'the catalogue could not be put in, trying again');
          await pause(backoffMs(attempt, FIRST_DELAY_MS, MAX_DELAY_MS), stopping.signal);
        }
      }
    },
    stop: async () => stopping.abort(),
  };
}

/** Puts the first catalogue in with one commit, unless this or another replica ever did; returns whether it did now. */
export async function seedCatalogue({ database, log, now, wakeRelay }: InventoryDependencies): Promise<boolean> {
  const isNew = await database.transaction(async (transaction) => {
    if (!(await recordSeed(transaction, FIRST_CATALOGUE_NAME, now()))) return false;
    for (const draft of FIRST_CATALOGUE) await putProduct(transaction, draft, now());
    return true;
  });
  if (isNew) {
    wakeRelay();
    log.info({ products: FIRST_CATALOGUE.length }, 'the first catalogue is in');
  }
  return isNew;
}
