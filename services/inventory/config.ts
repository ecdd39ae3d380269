// The settings of inventory.

import { type Environment, parseSettings, port, postgresUrl } from '../platform/base/settings.ts';
import { callLimitsOf, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';
import type { RuntimeConfig } from '../platform/runtime/service-runtime.ts';

export type InventoryConfig = RuntimeConfig & {
  readonly logLevel: string;
  /** Allows synthetic orders; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  /** How long the rows of synthetic orders are kept. */
  readonly syntheticRetentionMs: number;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): InventoryConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    INVENTORY_PORT: port(50_052),
    INVENTORY_DATABASE_URL: postgresUrl(),
    ...syntheticSettings,
  });
  return {
    host: settings.HOST,
    port: settings.INVENTORY_PORT,
    databaseUrl: settings.INVENTORY_DATABASE_URL,
    natsUrl: settings.NATS_URL,
    corsOrigins: settings.CORS_ORIGINS,
    callLimits: callLimitsOf(settings),
    logLevel: settings.LOG_LEVEL,
    syntheticCredential: settings.SYNTHETIC_CREDENTIAL,
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
  };
}
