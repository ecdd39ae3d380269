// The settings of the notification service.

import {
  durationMs,
  type Environment,
  parseSettings,
  port,
  postgresUrl,
  smtpUrl,
  z,
} from '../platform/base/settings.ts';
import { isLoopback } from '../platform/identity/safe-binding.ts';
import { runtimeConfig, type ServiceConfig, sharedSettings, syntheticSettings } from '../platform/runtime/config.ts';

export type NotificationConfig = ServiceConfig & {
  /** How long the rows of synthetic orders are kept. */
  readonly syntheticRetentionMs: number;
  readonly smtpUrl: string;
  /** Whether mail over `smtp:` is sent only after STARTTLS. */
  readonly smtpStartTls: boolean;
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
    NOTIFICATION_MIGRATION_DATABASE_URL: postgresUrl().optional(),
    SYNTHETIC_RETENTION_MS: syntheticSettings.SYNTHETIC_RETENTION_MS,
    SMTP_URL: smtpUrl('smtp://127.0.0.1:1025'),
    SMTP_STARTTLS: z.enum(['required', 'off']).optional(),
    BREAKER_RESET_MS: durationMs(5_000),
  });
  return {
    ...runtimeConfig(
      settings,
      settings.NOTIFICATION_PORT,
      settings.NOTIFICATION_DATABASE_URL,
      settings.NOTIFICATION_MIGRATION_DATABASE_URL,
    ),
    syntheticRetentionMs: settings.SYNTHETIC_RETENTION_MS,
    smtpUrl: settings.SMTP_URL,
    smtpStartTls: (settings.SMTP_STARTTLS ?? (isOnThisMachine(settings.SMTP_URL) ? 'off' : 'required')) === 'required',
    breakerResetMs: settings.BREAKER_RESET_MS,
  };
}

function isOnThisMachine(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
