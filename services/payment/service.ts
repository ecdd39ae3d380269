// The composition root of the payment service: the only file here that constructs. Tests build the same.
import { fileURLToPath } from 'node:url';
import { DOMAIN } from '../domain.ts';
import { createWorker } from '../platform/base/worker.ts';
import { createCallPolicy } from '../platform/client/call-policy.ts';
import { trustedAuthorities } from '../platform/identity/tls-files.ts';
import type { Logger } from '../platform/observability/log.ts';
import {
  createService,
  type ProcessOptions,
  type Runtime,
  type Service,
  type ServiceDefinition,
} from '../platform/runtime/service-runtime.ts';
import type { Charge } from './charge.ts';
import { type ChargeStore, createChargePruneRule, createChargeStore } from './charge-store.ts';
import type { PaymentConfig } from './config.ts';
import { createPolicies } from './policies.ts';
import { createProviderClient, toProviderFailure } from './provider-client.ts';
import { createProviderHttp } from './provider-http.ts';
import { createPaymentRoutes, PAYMENT_CHECKS } from './routes.ts';
import { settleOpenCharges } from './settle-open-charges.ts';
import type { SettlementDependencies } from './settlement.ts';
import { createSettlements } from './settlements.ts';
import { syntheticProvider } from './synthetic-provider.ts';

const SETTLE_PERIOD_MS = 1_000;
// Added to a call's timeout in the call window: by the database's clock a call starts a moment after its row is stored.
const CALL_MARGIN_MS = 500;

/** Builds the payment service; nothing connects or listens before `start`. */
export function createPaymentService(config: PaymentConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createService({
    ...options,
    domain: DOMAIN,
    name: 'payment',
    config,
    log,
    migrations: fileURLToPath(new URL('./migrations', import.meta.url)),
    define: (runtime) => definePaymentService(config, runtime),
  });
}

function definePaymentService(config: PaymentConfig, runtime: Runtime): ServiceDefinition {
  const { log, metrics } = runtime;
  const policy = createPolicies(config).provider;
  const toFailure = (thrown: unknown) => toProviderFailure(policy.name, thrown);
  const provider = createProviderClient({
    http: createProviderHttp(config.providerUrl, runtime.tls && trustedAuthorities(runtime.tls)),
    policy: createCallPolicy({ policy, system: 'http', toFailure, metrics, log }),
  });
  const storeOptions = {
    callMs: config.providerTimeoutMs + CALL_MARGIN_MS,
    settleAfterMs: config.settleAfterMs,
    lateCaptureWindowMs: config.keyRetentionMs,
  };
  const store = createChargeStore(runtime.database, storeOptions);
  const backgroundStore = createChargeStore(runtime.backgroundDatabase, storeOptions);
  const settlementOf = (charges: ChargeStore): SettlementDependencies => ({
    store: charges,
    providerFor: ({ synthetic }) => (synthetic ? syntheticProvider : provider),
    keySafeMs: config.keyRetentionMs / 2,
    wakeRelay: runtime.wakeRelay,
    now: () => new Date(),
    log,
  });
  const settlements = createSettlements<Charge>({ timeoutMs: config.providerTimeoutMs, log });
  const background = { store: backgroundStore, settlement: settlementOf(backgroundStore), settlements };
  const settler = createWorker({
    name: 'settlement of open charges',
    periodMs: Math.min(SETTLE_PERIOD_MS, config.settleAfterMs),
    work: (signal) => settleOpenCharges(background, signal),
    log,
  });
  return {
    routes: createPaymentRoutes({
      store,
      settlement: settlementOf(store),
      settlements,
      syntheticCredential: config.syntheticCredential,
    }),
    checks: PAYMENT_CHECKS,
    subscriptions: [],
    dependencies: [provider],
    components: [settlements, settler],
    pruneRules: [createChargePruneRule(config.syntheticRetentionMs)],
  };
}
