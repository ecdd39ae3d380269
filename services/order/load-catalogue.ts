// Background worker: reads every product from inventory once, so that orders can be priced before the first event arrives.
import type { Client } from '@connectrpc/connect';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createWorker, type Worker } from '../platform/base/worker.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { PriceStore } from './price-store.ts';

const PAGE_SIZE = 200;
const PERIOD_MS = 1_000;

export type LoadCatalogueOptions = {
  readonly inventory: Pick<Client<typeof InventoryService>, 'listProducts'>;
  readonly prices: PriceStore;
  readonly log: Logger;
};

/** Creates the worker that retries until every product was read once. */
export function createCatalogueLoader({ inventory, prices, log }: LoadCatalogueOptions): Worker {
  let loaded = false;
  return createWorker({
    name: 'catalogue loader',
    periodMs: PERIOD_MS,
    log,
    work: async (signal) => {
      loaded ||= await prices.isLoaded();
      if (loaded) return false;
      try {
        const count = await loadProducts(inventory, prices, signal);
        if (count === undefined) return false;
        await prices.markLoaded();
        log.info({ products: count }, 'catalogue loaded');
      } catch (error) {
        if (!(error instanceof DependencyError)) throw error;
        log.debug({ err: error }, 'the products cannot be read from inventory yet');
      }
      return false;
    },
  });
}

async function loadProducts(
  inventory: LoadCatalogueOptions['inventory'],
  prices: PriceStore,
  signal: AbortSignal,
): Promise<number | undefined> {
  let count = 0;
  let pageToken = '';
  do {
    if (signal.aborted) return undefined;
    const page = await inventory.listProducts({ pageSize: PAGE_SIZE, pageToken }, { signal });
    await prices.put(
      page.products.flatMap(({ productId, unitPrice, version }) =>
        unitPrice === undefined ? [] : [{ productId, unitPrice, version }],
      ),
    );
    count += page.products.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return count;
}
