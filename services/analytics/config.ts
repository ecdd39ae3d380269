// The settings of the analytics service.

import { type Environment, parseSettings, port, postgresUrl } from '../platform/base/settings.ts';
import { callLimitsOf, sharedSettings } from '../platform/runtime/config.ts';
import type { RuntimeConfig } from '../platform/runtime/service-runtime.ts';

export type AnalyticsConfig = RuntimeConfig & { readonly logLevel: string };

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): AnalyticsConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    ANALYTICS_PORT: port(50_055),
    ANALYTICS_DATABASE_URL: postgresUrl(),
  });
  return {
    host: settings.HOST,
    port: settings.ANALYTICS_PORT,
    databaseUrl: settings.ANALYTICS_DATABASE_URL,
    natsUrl: settings.NATS_URL,
    corsOrigins: settings.CORS_ORIGINS,
    callLimits: callLimitsOf(settings),
    logLevel: settings.LOG_LEVEL,
  };
}
