// The settings of the analytics service.

import { type Environment, parseSettings, port, postgresUrl } from '../platform/base/settings.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings } from '../platform/runtime/config.ts';

export type AnalyticsConfig = ServiceConfig;

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): AnalyticsConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    ANALYTICS_PORT: port(50_055),
    ANALYTICS_DATABASE_URL: postgresUrl(),
    ANALYTICS_MIGRATION_DATABASE_URL: postgresUrl().optional(),
  });
  return runtimeConfig(
    settings,
    settings.ANALYTICS_PORT,
    settings.ANALYTICS_DATABASE_URL,
    settings.ANALYTICS_MIGRATION_DATABASE_URL,
  );
}
