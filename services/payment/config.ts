// The settings of the payment service.

import { durationMs, type Environment, httpUrl, parseSettings, port, postgresUrl } from '../platform/base/settings.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';

export type PaymentConfig = ServiceConfig & {
  /** Allows synthetic payments; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  /** How long the rows of synthetic orders are kept. */
  readonly syntheticRetentionMs: number;
  readonly providerUrl: string;
  /** The timeout of a call to the provider. */
  readonly providerTimeoutMs: number;
  /** How long the provider remembers an idempotency key. */
  readonly keyRetentionMs: number;
  /** How long an open charge waits for a retry of its caller before the background continues it. */
  readonly settleAfterMs: number;
  /** From opening the provider's circuit breaker to its probe. */
  readonly breakerResetMs: number;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): PaymentConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    PAYMENT_PORT: port(50_053),
    PAYMENT_DATABASE_URL: postgresUrl(),
    PAYMENT_MIGRATION_DATABASE_URL: postgresUrl().optional(),
    ...syntheticSettings,
    PAYMENT_PROVIDER_URL: httpUrl('http://127.0.0.1:50060'),
    PAYMENT_PROVIDER_TIMEOUT_MS: durationMs(10_000),
    PAYMENT_PROVIDER_KEY_RETENTION_MS: durationMs(24 * 60 * 60 * 1_000),
    PAYMENT_SETTLE_AFTER_MS: durationMs(10_000),
    BREAKER_RESET_MS: durationMs(5_000),
  });
  return {
    ...runtimeConfig(
      settings,
      settings.PAYMENT_PORT,
      settings.PAYMENT_DATABASE_URL,
      settings.PAYMENT_MIGRATION_DATABASE_URL,
    ),
    syntheticCredential: settings.SYNTHETIC_CREDENTIAL,
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
    providerUrl: settings.PAYMENT_PROVIDER_URL,
    providerTimeoutMs: settings.PAYMENT_PROVIDER_TIMEOUT_MS,
    keyRetentionMs: settings.PAYMENT_PROVIDER_KEY_RETENTION_MS,
    settleAfterMs: settings.PAYMENT_SETTLE_AFTER_MS,
    breakerResetMs: settings.BREAKER_RESET_MS,
  };
}
