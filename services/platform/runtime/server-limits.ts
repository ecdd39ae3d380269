// The settings of the limits of a service's RPC server, and the options they become.
import { Counter, type Registry } from 'prom-client';
import type { RpcServerOptions } from '#packages/rpc-server/index.ts';
import { count, durationMs, z } from '../base/settings.ts';

/** The settings of every service. */
export const serverLimitSettings = {
  ALLOWED_HOSTS: z
    .string()
    .optional()
    .transform((list) => list?.split(',').map((host) => host.trim()))
    .refine((hosts) => hosts?.every(isHost) ?? true, 'must be host names without port, separated by commas, or *'),
  MAX_CONNECTIONS: count(1_000),
  MAX_CONNECTIONS_PER_PEER: count(500),
  MAX_STREAMS_PER_CONNECTION: count(100),
  MAX_BODY_KIB: count(32_768, 1_024),
  BODY_TIMEOUT_MS: durationMs(10_000),
  IDLE_TIMEOUT_MS: durationMs(75_000),
  PING_INTERVAL_MS: durationMs(30_000),
  MAX_STREAM_AGE_MS: durationMs(1_800_000, 1_000),
};

/** The part of a server's options that comes from these settings. */
export type ServerLimits = Pick<
  RpcServerOptions,
  | 'allowedHosts'
  | 'maxConnections'
  | 'maxConnectionsPerPeer'
  | 'maxStreamsPerConnection'
  | 'maxRequestBytesInFlight'
  | 'bodyTimeoutMs'
  | 'idleTimeoutMs'
  | 'pingIntervalMs'
  | 'maxStreamAgeMs'
>;

/** The options of a server with these settings. */
export function serverLimits(settings: z.output<z.ZodObject<typeof serverLimitSettings>>): ServerLimits {
  return {
    ...(settings.ALLOWED_HOSTS === undefined ? {} : { allowedHosts: settings.ALLOWED_HOSTS }),
    maxConnections: settings.MAX_CONNECTIONS,
    maxConnectionsPerPeer: settings.MAX_CONNECTIONS_PER_PEER,
    maxStreamsPerConnection: settings.MAX_STREAMS_PER_CONNECTION,
    maxRequestBytesInFlight: settings.MAX_BODY_KIB * 1_024,
    bodyTimeoutMs: settings.BODY_TIMEOUT_MS,
    idleTimeoutMs: settings.IDLE_TIMEOUT_MS,
    pingIntervalMs: settings.PING_INTERVAL_MS,
    maxStreamAgeMs: settings.MAX_STREAM_AGE_MS,
  };
}

/** The limits of a service without settings for them. */
export const DEFAULT_SERVER_LIMITS = serverLimits(z.object(serverLimitSettings).parse({}));

/** Returns a function that counts what the limits reject. */
export function createLimitCounter(registry: Registry): NonNullable<RpcServerOptions['onLimit']> {
  const rejected = new Counter({
    name: 'rpc_server_rejected_total',
    help: 'Connections, requests and streams that a limit of the server rejected or ended, by limit',
    labelNames: ['limit'],
    registers: [registry],
  });
  return (limit) => rejected.inc({ limit });
}

function isHost(host: string): boolean {
  return host === '*' || (/^[^\s/:@]+$/.test(host) && URL.canParse(`http://${host}`));
}
