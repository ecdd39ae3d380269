// The settings of inventory.

import { type Environment, parseSettings, port, postgresUrl } from '../platform/base/settings.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';

export type InventoryConfig = ServiceConfig & {
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
    INVENTORY_MIGRATION_DATABASE_URL: postgresUrl().optional(),
    ...syntheticSettings,
  });
  return {
    ...runtimeConfig(
      settings,
      settings.INVENTORY_PORT,
      settings.INVENTORY_DATABASE_URL,
      settings.INVENTORY_MIGRATION_DATABASE_URL,
    ),
    syntheticCredential: settings.SYNTHETIC_CREDENTIAL,
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
  };
}
