// The settings of the order service.
import { fileURLToPath } from 'node:url';
import {
  count,
  durationMs,
  type Environment,
  httpUrls,
  onOff,
  optionalHttpUrl,
  parseSettings,
  port,
  postgresUrl,
  z,
} from '../platform/base/settings.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';
import { type CallTimeouts, DEFAULT_TIMEOUTS } from './policies.ts';

export type OrderConfig = ServiceConfig &
  CallTimeouts & {
    /** Allows synthetic orders; undefined refuses them all. A secret. */
    readonly syntheticCredential: string | undefined;
    /** How long synthetic orders are kept. */
    readonly syntheticRetentionMs: number;
    readonly inventoryUrl: string;
    readonly paymentUrl: string;
    /** How long a call works on an order before the background takes over. */
    readonly budgetMs: number;
    /** How long an order may stay undecided. */
    readonly orderLimitMs: number;
    /** How old an order may get whose payment the provider itself fails. */
    readonly failingPaymentLimitMs: number;
    /** The longest delay before the background works on a blocked order again. */
    readonly maxResumeMs: number;
    /** How many pending orders a customer may have. */
    readonly maxPendingOrders: number;
    readonly breakerResetMs: number;
    /** The payment methods that are accepted; undefined accepts every token of the provider. */
    readonly paymentMethods: ReadonlySet<string> | undefined;
    /** Path of the feature flags, a flagd document. */
    readonly flagFile: string;
    /** The flagd that serves the feature flags instead of the file. */
    readonly flagdUrl: string | undefined;
  };

const PAYMENT_METHODS = 'pm_approved,pm_insufficient_funds,pm_expired_card,pm_provider_error,pm_slow';
const FLAG_FILE = fileURLToPath(new URL('./flags.json', import.meta.url));

/**
 * Reads the settings.
 * @throws {ConfigError} Names every faulty setting.
 */
export function loadConfig(environment: Environment): OrderConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    ORDER_PORT: port(50051),
    ORDER_DATABASE_URL: postgresUrl(),
    ORDER_MIGRATION_DATABASE_URL: postgresUrl().optional(),
    ...syntheticSettings,
    INVENTORY_URL: httpUrls('http://127.0.0.1:50052'),
    PAYMENT_URL: httpUrls('http://127.0.0.1:50053'),
    ORDER_BUDGET_MS: durationMs(2_500, 500),
    ORDER_LIMIT_MS: durationMs(900_000, 1_000),
    FAILING_PAYMENT_LIMIT_MS: durationMs(60_000, 1_000),
    ORDER_MAX_RESUME_MS: durationMs(10_000),
    ORDER_INVENTORY_TIMEOUT_MS: durationMs(DEFAULT_TIMEOUTS.inventoryTimeoutMs, 200),
    ORDER_PAYMENT_TIMEOUT_MS: durationMs(DEFAULT_TIMEOUTS.paymentTimeoutMs, 200),
    BREAKER_RESET_MS: durationMs(5_000),
    PAYMENT_METHODS: z.string().default(PAYMENT_METHODS),
    GUEST_ORDERS: onOff('off'),
    MAX_PENDING_ORDERS: count(50),
    FLAG_FILE: z.string().default(FLAG_FILE),
    FLAGD_URL: optionalHttpUrl(),
  });
  return {
    ...runtimeConfig(settings, settings.ORDER_PORT, settings.ORDER_DATABASE_URL, settings.ORDER_MIGRATION_DATABASE_URL),
    guestsAllowed: settings.GUEST_ORDERS === 'on',
    maxPendingOrders: settings.MAX_PENDING_ORDERS,
    syntheticCredential: settings.SYNTHETIC_CREDENTIAL,
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
    inventoryUrl: settings.INVENTORY_URL,
    paymentUrl: settings.PAYMENT_URL,
    budgetMs: settings.ORDER_BUDGET_MS,
    orderLimitMs: settings.ORDER_LIMIT_MS,
    failingPaymentLimitMs: settings.FAILING_PAYMENT_LIMIT_MS,
    maxResumeMs: settings.ORDER_MAX_RESUME_MS,
    inventoryTimeoutMs: settings.ORDER_INVENTORY_TIMEOUT_MS,
    paymentTimeoutMs: settings.ORDER_PAYMENT_TIMEOUT_MS,
    breakerResetMs: settings.BREAKER_RESET_MS,
    paymentMethods: parsePaymentMethods(settings.PAYMENT_METHODS),
    flagFile: settings.FLAG_FILE,
    flagdUrl: settings.FLAGD_URL,
  };
}

function parsePaymentMethods(list: string): ReadonlySet<string> | undefined {
  return list.trim() === '*' ? undefined : new Set(list.split(',').map((method) => method.trim()));
}
