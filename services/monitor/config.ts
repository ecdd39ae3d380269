// The settings of the monitor service.

import {
  credential,
  durationMs,
  type Environment,
  httpUrls,
  parseSettings,
  port,
  postgresUrl,
} from '../platform/base/settings.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings } from '../platform/runtime/config.ts';

export type MonitorConfig = ServiceConfig & {
  readonly orderUrl: string;
  /** Allows synthetic orders. A secret. */
  readonly syntheticCredential: string;
  /** From one scheduled run of a journey to the next. */
  readonly journeyIntervalMs: number;
  /** The longest a journey may take before it has failed. */
  readonly journeyLimitMs: number;
  /** From opening the circuit breaker to its probe. */
  readonly breakerResetMs: number;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): MonitorConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    MONITOR_PORT: port(50_056),
    MONITOR_DATABASE_URL: postgresUrl(),
    MONITOR_MIGRATION_DATABASE_URL: postgresUrl().optional(),
    ORDER_URL: httpUrls('http://127.0.0.1:50051'),
    SYNTHETIC_CREDENTIAL: credential(),
    JOURNEY_INTERVAL_MS: durationMs(300_000, 100),
    JOURNEY_LIMIT_MS: durationMs(10_000, 100),
    BREAKER_RESET_MS: durationMs(5_000),
  });
  return {
    ...runtimeConfig(
      settings,
      settings.MONITOR_PORT,
      settings.MONITOR_DATABASE_URL,
      settings.MONITOR_MIGRATION_DATABASE_URL,
    ),
    orderUrl: settings.ORDER_URL,
    syntheticCredential: settings.SYNTHETIC_CREDENTIAL,
    journeyIntervalMs: settings.JOURNEY_INTERVAL_MS,
    journeyLimitMs: settings.JOURNEY_LIMIT_MS,
    breakerResetMs: settings.BREAKER_RESET_MS,
  };
}
