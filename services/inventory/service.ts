// The composition root of the inventory service: the only file here that constructs. Tests build the same.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { DOMAIN } from '../domain.ts';
import type { Logger } from '../platform/observability/log.ts';
import { createService, type ProcessOptions, type Service } from '../platform/runtime/service-runtime.ts';
import type { InventoryConfig } from './config.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { createReservationBatches } from './reservation-batches.ts';
import { createReservationPruneRule } from './reservation-store.ts';
import { createInventoryRoutes, createInventorySubscriptions, INVENTORY_CHECKS } from './routes.ts';
import { createCatalogueSeed } from './seed-catalogue.ts';

/** Builds a replica of inventory; nothing connects or listens before `start`. */
export function createInventoryService(config: InventoryConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'inventory',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: ({ database, backgroundDatabase, wakeRelay }) => {
      const dependencies: InventoryDependencies = {
        database,
        log,
        now: () => new Date(),
        newId: randomUUID,
        syntheticCredential: config.syntheticCredential,
        wakeRelay,
        batches: createReservationBatches({ database, log }),
      };
      return {
        routes: createInventoryRoutes(dependencies),
        checks: INVENTORY_CHECKS,
        subscriptions: createInventorySubscriptions(dependencies),
        dependencies: [],
        components: [createCatalogueSeed({ ...dependencies, database: backgroundDatabase })],
        pruneRules: [createReservationPruneRule(config.syntheticRetentionMs)],
      };
    },
  });
}
