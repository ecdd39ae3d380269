// The settings of the provisioning step.
import { count, type Environment, parseSettings, urlOf } from '../platform/base/settings.ts';
import type { StreamLimits } from '../platform/messaging/streams.ts';

const KILOBYTE = 1024;

export type ProvisioningConfig = { readonly natsUrl: string; readonly limits: StreamLimits };

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): ProvisioningConfig {
  const settings = parseSettings(environment, {
    PROVISION_NATS_URL: urlOf(['nats:', 'tls:']),
    STREAM_MAX_MB: count(1_024),
    STREAM_MAX_MESSAGE_KB: count(256),
  });
  return {
    natsUrl: settings.PROVISION_NATS_URL,
    limits: {
      maxBytes: settings.STREAM_MAX_MB * KILOBYTE ** 2,
      maxMessageBytes: settings.STREAM_MAX_MESSAGE_KB * KILOBYTE,
    },
  };
}
