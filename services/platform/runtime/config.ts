// The settings that every service has, and how they map to its RuntimeConfig.
import { splitDatabaseUrl } from '../base/database-url.ts';
import { count, credential, durationMs, KEEPS_EMPTY, z } from '../base/settings.ts';
import { identityConfig, identitySettings } from '../identity/identity-settings.ts';
import { brokerUrl } from '../messaging/broker-url.ts';
import { DEFAULT_LIMITS } from '../server/load-shedding.ts';
import { serverLimitSettings, serverLimits } from './server-limits.ts';
import type { RuntimeConfig } from './service-runtime.ts';

/** How long a call waits for a database connection, and for each statement, unless a setting says otherwise. */
export const DEFAULT_DATABASE_TIMEOUT_MS = 500;

/** The connections of a replica: those of all six services fit into the 97 that a Postgres with its own defaults has for them. */
export const DEFAULT_DATABASE_CONNECTIONS = 15;

/** Twelve replicas, two of each service, fit into those 97. */
const MINIMUM_DATABASE_CONNECTIONS = 8;

/** The address to listen on, the log level, the limits of concurrent calls and of statements, the browser origins that may call, the broker. */
export const sharedSettings = {
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  MAX_CALLS: count(DEFAULT_LIMITS.maxCalls),
  MAX_QUEUED_CALLS: count(DEFAULT_LIMITS.maxQueuedCalls, 0),
  MAX_QUEUE_MS: durationMs(DEFAULT_LIMITS.maxQueueMs),
  MAX_STREAMS: count(DEFAULT_LIMITS.maxStreams),
  OPS_CALLS_PER_SECOND: count(DEFAULT_LIMITS.opsCallsPerSecond),
  DATABASE_TIMEOUT_MS: durationMs(DEFAULT_DATABASE_TIMEOUT_MS),
  DATABASE_CONNECTIONS: count(DEFAULT_DATABASE_CONNECTIONS, MINIMUM_DATABASE_CONNECTIONS),
  DATABASE_POOLER: z.enum(['none', 'transaction'], 'must be none or transaction').default('none'),
  ...identitySettings,
  NATS_CREDS_FILE: z.string().optional(),
  ...serverLimitSettings,
  NATS_URL: brokerUrl().default('nats://127.0.0.1:42229'),
  CORS_ORIGINS: z
    .string()
    .optional()
    .transform((list) => (list === '' ? [] : list?.split(',').map((origin) => origin.trim())))
    .refine(
      (origins) => origins?.every(isOrigin) ?? true,
      'must be origins like https://app.example, separated by commas',
    )
    .meta(KEEPS_EMPTY),
};

/** The settings of every service that handles synthetic work. */
export const syntheticSettings = {
  SYNTHETIC_CREDENTIAL: credential().optional(),
  SYNTHETIC_RETENTION_MS: durationMs(86_400_000, 1_000),
};

/** The config of every service: that of its runtime, and the log level. */
export type ServiceConfig = RuntimeConfig & { readonly databaseConnections: number; readonly logLevel: string };

/** The part of a service's config that comes from `sharedSettings`, and from its own settings of port, database and its migration. */
export function runtimeConfig(
  settings: z.output<z.ZodObject<typeof sharedSettings>>,
  port: number,
  databaseUrl: string,
  migrationDatabaseUrl: string | undefined,
): ServiceConfig {
  return {
    host: settings.HOST,
    port,
    databaseUrl: withAuthority(databaseUrl, settings.TLS_CA_FILE),
    migrationDatabaseUrl: migrationDatabaseUrl && withAuthority(migrationDatabaseUrl, settings.TLS_CA_FILE),
    databaseConnections: settings.DATABASE_CONNECTIONS,
    databasePooled: settings.DATABASE_POOLER === 'transaction',
    natsUrl: settings.NATS_URL,
    natsCredentialsFile: settings.NATS_CREDS_FILE,
    databaseTimeoutMs: settings.DATABASE_TIMEOUT_MS,
    corsOrigins: settings.CORS_ORIGINS,
    identity: identityConfig(settings),
    callLimits: {
      maxCalls: settings.MAX_CALLS,
      maxQueuedCalls: settings.MAX_QUEUED_CALLS,
      maxQueueMs: settings.MAX_QUEUE_MS,
      maxStreams: settings.MAX_STREAMS,
      opsCallsPerSecond: settings.OPS_CALLS_PER_SECOND,
    },
    serverLimits: serverLimits(settings),
    logLevel: settings.LOG_LEVEL,
  };
}

/** Lets a database that must be verified be verified by our own authority, unless its url names another. */
export function withAuthority(databaseUrl: string, authorityFile: string | undefined): string {
  const [server = databaseUrl] = splitDatabaseUrl(databaseUrl) ?? [];
  const { searchParams } = new URL(server);
  const isVerified = ['verify-ca', 'verify-full'].includes(searchParams.get('sslmode') ?? '');
  if (!isVerified || authorityFile === undefined || searchParams.has('sslrootcert')) return databaseUrl;
  // Several servers are no URL, so it is added to the text.
  return `${databaseUrl}&sslrootcert=${encodeURIComponent(authorityFile)}`;
}

function isOrigin(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin;
}
