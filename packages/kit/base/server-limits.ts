// The limits of the kit's servers. They are far above those of services: what is too much has to be refused by the service itself, and
// a test may open more calls than any caller in production.

/** The limits, as options of an RPC server. */
export const SERVER_LIMITS = {
  maxRequestBytes: 256 * 1024 * 1024,
  maxConnections: 10_000,
  maxConnectionsPerPeer: 10_000,
  maxStreamsPerConnection: 10_000,
};
