// The settings of the local stack: ports, the data directory, and the external servers used instead of local ones.

import {
  ConfigError,
  type Environment,
  httpUrl,
  onOff,
  parseSettings,
  port,
  postgresUrl,
  smtpUrl,
  z,
} from '../../services/platform/base/settings.ts';
import { isLoopback } from '../../services/platform/identity/safe-binding.ts';
import { sharedSettings } from '../../services/platform/runtime/config.ts';
import { everyService, INFRASTRUCTURE_PORTS, type ServiceName, services } from '../shared/topology.ts';

export type StackSettings = {
  host: string;
  dataDir: string;
  /** Whether everything speaks TLS, with certificates of an authority of the stack's own. */
  tls: boolean;
  logFormat: 'pretty' | 'json';
  /** How many replicas of each service are started. */
  replicas: number;
  /** The connections of one replica of a service. */
  databaseConnections: number;
  /** Keyed by setting: ORDER_PORT, POSTGRES_PORT and so on. */
  ports: Record<string, number>;
  external: {
    databaseUrls: Map<ServiceName, string>;
    migrationUrls: Map<ServiceName, string>;
    natsUrl: string | undefined;
    smtpUrl: string | undefined;
    paymentProviderUrl: string | undefined;
  };
};

const PORT_SETTINGS = {
  POSTGRES_PORT: port(INFRASTRUCTURE_PORTS.postgres),
  NATS_PORT: port(INFRASTRUCTURE_PORTS.nats),
  PAYMENT_PROVIDER_PORT: port(INFRASTRUCTURE_PORTS.paymentProvider),
  MAILBOX_SMTP_PORT: port(INFRASTRUCTURE_PORTS.mailboxSmtp),
  MAILBOX_HTTP_PORT: port(INFRASTRUCTURE_PORTS.mailboxHttp),
  ...Object.fromEntries(everyService.map((service) => [service.portVariable, port(service.defaultPort)])),
};

/**
 * Parses the environment.
 * @throws {ConfigError} naming every invalid setting, never its value.
 */
export function loadStackSettings(environment: Environment): StackSettings {
  const shared = parseSettings(environment, {
    HOST: sharedSettings.HOST,
    DATA_DIR: z.string().default('.data'),
    TLS: onOff('off'),
    INSECURE: sharedSettings.INSECURE,
    LOG_FORMAT: z.enum(['pretty', 'json']).default('pretty'),
    NATS_URL: sharedSettings.NATS_URL.unwrap().optional(),
    SMTP_URL: smtpUrl('').unwrap().optional(),
    PAYMENT_PROVIDER_URL: httpUrl('').unwrap().optional(),
    ...PORT_SETTINGS,
    REPLICAS: replicaCount(),
    DATABASE_CONNECTIONS: sharedSettings.DATABASE_CONNECTIONS,
    ...Object.fromEntries(
      services.flatMap(({ name }) =>
        [databaseVariable(name), migrationVariable(name)].map((variable) => [variable, postgresUrl().optional()]),
      ),
    ),
  });
  if (!isLoopback(shared.HOST) && shared.TLS === 'off' && shared.INSECURE === 'off') {
    const fault = `HOST ${shared.HOST} can be reached by other machines: set TLS=on, or INSECURE=on to allow cleartext`;
    throw new ConfigError(`cannot start, these settings are wrong:\n  ${fault}`);
  }
  const all: Record<string, unknown> = shared;
  const ports = Object.fromEntries(Object.keys(PORT_SETTINGS).map((variable) => [variable, Number(all[variable])]));
  const urlsOf = (variableOf: (service: ServiceName) => string) =>
    new Map(
      services.flatMap(({ name }) => {
        const url = all[variableOf(name)];
        return typeof url === 'string' ? [[name, url] as const] : [];
      }),
    );
  return {
    host: shared.HOST,
    dataDir: shared.DATA_DIR,
    tls: shared.TLS === 'on',
    logFormat: shared.LOG_FORMAT,
    replicas: shared.REPLICAS,
    databaseConnections: shared.DATABASE_CONNECTIONS,
    ports,
    external: {
      databaseUrls: urlsOf(databaseVariable),
      migrationUrls: urlsOf(migrationVariable),
      natsUrl: shared.NATS_URL,
      smtpUrl: shared.SMTP_URL,
      paymentProviderUrl: shared.PAYMENT_PROVIDER_URL,
    },
  };
}

/** One digit: a machine that runs more has other means. */
function replicaCount() {
  return z
    .string()
    .regex(/^[1-9]$/, 'must be a whole number from 1 to 9')
    .transform(Number)
    .default(1);
}

/** `ORDER_MIGRATION_DATABASE_URL` for order. */
export function migrationVariable(service: ServiceName): string {
  return `${service.toUpperCase()}_MIGRATION_DATABASE_URL`;
}

/** `ORDER_DATABASE_URL` for order. */
export function databaseVariable(service: ServiceName): string {
  return `${service.toUpperCase()}_DATABASE_URL`;
}
