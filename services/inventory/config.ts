// The settings of inventory.
import { type Environment, parseSettings, port, postgresUrl, sharedSettings } from '../platform/config.ts';
import type { RuntimeConfig } from '../platform/service-runtime.ts';

export type InventoryConfig = RuntimeConfig & { readonly logLevel: string };

/** Reads the settings. Throws ConfigError naming every faulty one. */
export function loadConfig(environment: Environment): InventoryConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    INVENTORY_PORT: port(50_052),
    INVENTORY_DATABASE_URL: postgresUrl(),
  });
  return {
    host: settings.HOST,
    port: settings.INVENTORY_PORT,
    databaseUrl: settings.INVENTORY_DATABASE_URL,
    natsUrl: settings.NATS_URL,
    corsOrigins: settings.CORS_ORIGINS,
    logLevel: settings.LOG_LEVEL,
  };
}
