// The settings of the notification service.

import { durationMs, type Environment, parseSettings, port, postgresUrl, smtpUrl } from '../platform/base/settings.ts';
import { callLimitsOf, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';
import type { RuntimeConfig } from '../platform/runtime/service-runtime.ts';

export type NotificationConfig = RuntimeConfig & {
  readonly logLevel: string;
  /** How long the rows of synthetic orders are kept. */
  readonly syntheticRetentionMs: number;
  readonly smtpUrl: string;
  /** From opening the mail server's circuit breaker to its probe. */
  readonly breakerResetMs: number;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): NotificationConfig {
  const settings = parseSettings(environment, {
    ...sharedSettings,
    NOTIFICATION_PORT: port(50_054),
    NOTIFICATION_DATABASE_URL: postgresUrl(),
    SYNTHETIC_RETENTION_MS: syntheticSettings.SYNTHETIC_RETENTION_MS,
    SMTP_URL: smtpUrl('smtp://127.0.0.1:1025'),
    BREAKER_RESET_MS: durationMs(5_000),
  });
  return {
    host: settings.HOST,
    port: settings.NOTIFICATION_PORT,
    databaseUrl: settings.NOTIFICATION_DATABASE_URL,
    natsUrl: settings.NATS_URL,
    corsOrigins: settings.CORS_ORIGINS,
    callLimits: callLimitsOf(settings),
    logLevel: settings.LOG_LEVEL,
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
    smtpUrl: settings.SMTP_URL,
    breakerResetMs: settings.BREAKER_RESET_MS,
  };
}
