// The settings of the provisioning step.
import { count, type Environment, parseSettings, z } from '../platform/base/settings.ts';
import { identitySettings, tlsPathsOf } from '../platform/identity/identity-settings.ts';
import type { TlsPaths } from '../platform/identity/tls-files.ts';
import { brokerUrl } from '../platform/messaging/broker-url.ts';
import type { StreamLimits } from '../platform/messaging/streams.ts';

const KILOBYTE = 1024;
const REPLICAS = { '1': 1, '3': 3, '5': 5 } as const;

export type ProvisioningConfig = {
  readonly url: string;
  readonly credentialsFile: string | undefined;
  readonly tls: TlsPaths | undefined;
  readonly limits: StreamLimits;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): ProvisioningConfig {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = identitySettings;
  const settings = parseSettings(environment, {
    PROVISION_NATS_URL: brokerUrl(),
    PROVISION_NATS_CREDS_FILE: z.string().optional(),
    NATS_REPLICAS: z.enum(['1', '3', '5'], 'must be 1, 3 or 5').default('1'),
    STREAM_MAX_MB: count(1_024),
    STREAM_MAX_MESSAGE_KB: count(256),
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TLS_CA_FILE,
  });
  return {
    url: settings.PROVISION_NATS_URL,
    credentialsFile: settings.PROVISION_NATS_CREDS_FILE,
    tls: tlsPathsOf(settings),
    limits: {
      maxBytes: settings.STREAM_MAX_MB * KILOBYTE ** 2,
      maxMessageBytes: settings.STREAM_MAX_MESSAGE_KB * KILOBYTE,
      replicas: REPLICAS[settings.NATS_REPLICAS],
    },
  };
}
