// The composition root of the analytics service: the only file here that constructs. Tests build the same.
import { fileURLToPath } from 'node:url';
import { DOMAIN } from '../domain.ts';
import { createWorker } from '../platform/base/worker.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  createService,
  type ProcessOptions,
  type Runtime,
  type Service,
  type ServiceDefinition,
} from '../platform/runtime/service-runtime.ts';
import type { AnalyticsConfig } from './config.ts';
import { createGenerationStore } from './generation-store.ts';
import { createRebuilder } from './rebuilder.ts';
import { createAnalyticsRoutes, createAnalyticsSubscriptions } from './routes.ts';
import { createSalesFeed } from './sales-feed.ts';
import { createSalesStore } from './sales-store.ts';

// The poll interval for a rebuild that another replica started, or that has caught up.
const REBUILD_PERIOD_MS = 1_000;
// Sums of a long span take longer than other statements: few at once, with a longer timeout.
const SUM_POOL_SIZE = 3;
const SUM_TIMEOUT_MS = 5_000;

/** Builds a replica of analytics; nothing connects or listens before `start`. */
export function createAnalyticsService(config: AnalyticsConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'analytics',
    config,
    log,
    publishes: false,
    ownConnections: SUM_POOL_SIZE,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: defineAnalyticsService,
  });
}

function defineAnalyticsService(runtime: Runtime): ServiceDefinition {
  const { database, backgroundDatabase, openPool, broker, log } = runtime;
  const now = () => new Date();
  const sums = openPool('sums', { size: SUM_POOL_SIZE, timeoutMs: SUM_TIMEOUT_MS });
  const store = createSalesStore(sums);
  const feed = createSalesFeed({ store, now });
  const subscriptions = createAnalyticsSubscriptions(feed.changed);
  const rebuilder = createWorker({
    name: 'rebuilder',
    periodMs: REBUILD_PERIOD_MS,
    work: createRebuilder({
      generations: createGenerationStore(backgroundDatabase),
      subscriptions,
      database: backgroundDatabase,
      broker,
      changed: feed.changed,
      log,
    }),
    log,
  });
  return {
    routes: createAnalyticsRoutes({
      store,
      now,
      feed,
      generations: createGenerationStore(database),
      wakeRebuilder: rebuilder.wake,
      log,
    }),
    subscriptions,
    dependencies: [],
    components: [{ name: 'database of sums', stop: sums.close }, rebuilder],
  };
}
