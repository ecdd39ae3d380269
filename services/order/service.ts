// The composition root of the order service: everything is built here, for production and for tests.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { DOMAIN } from '../domain.ts';
import { syntheticHeaders } from '../platform/base/synthetic.ts';
import { createDependency } from '../platform/client/rpc-client.ts';
import { createFeatureFlags } from '../platform/flags/feature-flags.ts';
import type { Logger } from '../platform/observability/log.ts';
import { DEFAULT_DATABASE_TIMEOUT_MS } from '../platform/runtime/config.ts';
import {
  createService,
  type ProcessOptions,
  type Runtime,
  type Service,
  type ServiceDefinition,
} from '../platform/runtime/service-runtime.ts';
import type { OrderConfig } from './config.ts';
import { createCatalogueLoader } from './load-catalogue.ts';
import { createOrderChanges } from './order-changes.ts';
import { createOrderMetrics } from './order-metrics.ts';
import type { SagaDependencies } from './order-saga.ts';
import { createOrderPruneRules, createOrderStore } from './order-store.ts';
import { createPolicies } from './policies.ts';
import { createPriceStore } from './price-store.ts';
import { createOrderResumer } from './resume-orders.ts';
import { createOrderChecks, createOrderRoutes, createOrderSubscriptions } from './routes.ts';

// A lease lasts longer than a run's budget, for the run's own statements: each waits for a connection and for its answer.
const LEASE_MARGIN_STATEMENTS = 3;
const PRICING_FLAG = 'new_pricing_algorithm';

/** Builds the order service; nothing connects or listens before `start`. */
export function createOrderService(config: OrderConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'order',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: (runtime) => defineOrderService(config, runtime),
  });
}

function defineOrderService(config: OrderConfig, runtime: Runtime): ServiceDefinition {
  const { log, metrics } = runtime;
  const policies = createPolicies(config.breakerResetMs, config);
  const inventory = createDependency({ url: config.inventoryUrl, policy: policies.inventory, ...runtime });
  const payment = createDependency({ url: config.paymentUrl, policy: policies.payment, ...runtime });
  const { budgetMs, databaseTimeoutMs = DEFAULT_DATABASE_TIMEOUT_MS } = config;
  const leaseMs = budgetMs + LEASE_MARGIN_STATEMENTS * databaseTimeoutMs;
  const store = createOrderStore(runtime.database, leaseMs, config.maxPendingOrders);
  const backgroundStore = createOrderStore(runtime.backgroundDatabase, leaseMs);
  const prices = createPriceStore(runtime.database);
  // All followers share one look-up, which must not fail because calls have taken every connection.
  const changes = createOrderChanges(backgroundStore);
  const flags = createFeatureFlags({ file: config.flagFile, flagdUrl: config.flagdUrl, log });
  const opsStore = createOrderStore(runtime.opsDatabase, leaseMs);
  const orderMetrics = createOrderMetrics(metrics.registry, opsStore);
  const now = (): Date => new Date();
  const inventoryClient = inventory.client(InventoryService);
  const backgroundInventory = inventory.backgroundClient(InventoryService);
  const saga: SagaDependencies = {
    inventory: inventoryClient,
    payment: payment.client(PaymentService),
    store,
    onChange: (order, hasEnded) => {
      if (hasEnded) orderMetrics.recordEnd(order);
      changes.notify(order);
      runtime.wakeRelay();
    },
    orderLimitMs: config.orderLimitMs,
    failingPaymentLimitMs: config.failingPaymentLimitMs,
    maxResumeMs: config.maxResumeMs,
    syntheticHeaders: syntheticHeaders(config.syntheticCredential),
    now,
    log,
  };
  const resumer = createOrderResumer({
    store: backgroundStore,
    saga: {
      ...saga,
      store: backgroundStore,
      inventory: backgroundInventory,
      payment: payment.backgroundClient(PaymentService),
    },
    budgetMs,
    areDependenciesHealthy: () => [inventory, payment].every(({ breaker }) => breaker().state === 'closed'),
    log,
  });
  return {
    routes: createOrderRoutes({
      store,
      prices,
      pricingVersionFor: async (customerId) => ((await flags.isOn(PRICING_FLAG, customerId)) ? 'v2' : 'v1'),
      saga,
      changes,
      // A quote is useful without the stock. Through this client, its failed calls open no breaker that orders need.
      inventory: backgroundInventory,
      newOrderId: randomUUID,
      now,
      budgetMs,
      paymentMethods: config.paymentMethods,
      syntheticCredential: config.syntheticCredential,
    }),
    checks: createOrderChecks(config.paymentMethods),
    subscriptions: createOrderSubscriptions(resumer.wake),
    dependencies: [inventory, payment],
    components: [flags, createCatalogueLoader({ inventory: backgroundInventory, prices, log }), resumer],
    pruneRules: createOrderPruneRules(config.syntheticRetentionMs),
    // No order is accepted without prices.
    isReady: prices.isLoaded,
    listFlags: flags.list,
    countOpenWork: async () => (await opsStore.countOpen()).compensations,
  };
}
