// The composition root of the monitor service: the only file here that constructs. Tests build the same.
import { fileURLToPath } from 'node:url';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '../domain.ts';
import { syntheticHeaders } from '../platform/base/synthetic.ts';
import { createDependency } from '../platform/client/rpc-client.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  createService,
  type ProcessOptions,
  type Runtime,
  type Service,
  type ServiceDefinition,
} from '../platform/runtime/service-runtime.ts';
import type { MonitorConfig } from './config.ts';
import { createJourneyMetrics } from './journey-metrics.ts';
import { createJourneyRunner } from './journey-runner.ts';
import { createPolicies } from './policies.ts';
import { createMonitorRoutes, MONITOR_CHECKS } from './routes.ts';
import { createRunStore, RUN_PRUNE_RULE } from './run-store.ts';
import { createScheduledJourneys } from './scheduled-journeys.ts';

/** Builds the monitor service; nothing connects or listens before `start`. */
export function createMonitorService(config: MonitorConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'monitor',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    publishes: false,
    define: (runtime) => defineMonitorService(config, runtime),
  });
}

function defineMonitorService(config: MonitorConfig, runtime: Runtime): ServiceDefinition {
  const { log, metrics } = runtime;
  const { journeyLimitMs: limitMs, journeyIntervalMs: intervalMs } = config;
  const policies = createPolicies(config.breakerResetMs, limitMs);
  const order = createDependency({ url: config.orderUrl, policy: policies.order, ...runtime });
  const store = createRunStore(runtime.database);
  const journeyMetrics = createJourneyMetrics(metrics.registry);
  const runner = createJourneyRunner({
    orders: order.client(OrderService),
    headers: syntheticHeaders(config.syntheticCredential),
    store,
    metrics: journeyMetrics,
    limitMs,
    log,
  });
  const schedule = createScheduledJourneys({
    store: createRunStore(runtime.backgroundDatabase),
    runner,
    metrics: journeyMetrics,
    intervalMs,
    limitMs,
    log,
  });
  return {
    routes: createMonitorRoutes({ runner, store, limitMs }),
    checks: MONITOR_CHECKS,
    subscriptions: [],
    dependencies: [order],
    components: [runner, schedule],
    pruneRules: [RUN_PRUNE_RULE],
  };
}
