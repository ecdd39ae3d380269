// The limits of a port and their defaults.

import type { ConnectionLimits } from './connections.ts';
import type { HeaderLimits } from './header-limit.ts';

/** Every duration is in milliseconds. */
export type PortLimits = ConnectionLimits &
  HeaderLimits & {
    /** How long the headers of an HTTP/1.1 request may take to arrive. Over HTTP/2, `idleTimeoutMs` limits them. */
    readonly headersTimeoutMs: number;
    /** How long a connection may be without a request. Longer than a load balancer's own limit, which is often a minute. */
    readonly idleTimeoutMs: number;
    /** How often an HTTP/2 caller is pinged while it has a call. One that does not answer until the next ping is cut off. */
    readonly pingIntervalMs: number;
    /** The most calls at once of one HTTP/2 connection; further ones wait in the client. */
    readonly maxStreamsPerConnection: number;
  };

export const DEFAULT_PORT_LIMITS: PortLimits = {
  maxConnections: 1_000,
  maxConnectionsPerPeer: 500,
  maxStreamsPerConnection: 100,
  maxHeaders: 256,
  maxHeaderBytes: 32 * 1024,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  pingIntervalMs: 30_000,
};
