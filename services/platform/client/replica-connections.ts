// The connections to the replicas of one dependency: one for each, opened by its first call.
import type { Interceptor, Transport } from '@connectrpc/connect';
import { Http2SessionManager } from '@connectrpc/connect-node';
import type { TlsMaterial } from '../identity/tls-files.ts';
import type { ReplicaAddress } from './replica-addresses.ts';
import { createUnaryTransport } from './unary-transport.ts';

const CONNECTION = {
  pingIntervalMs: 10_000,
  pingTimeoutMs: 2_000,
  // Shorter than the server's: a call on a connection that the server closes at that moment would fail.
  idleConnectionTimeoutMs: 60_000,
};

export type ReplicaConnections = {
  to(address: ReplicaAddress): Transport;
  /** Closes connections to replicas that are not among these, as soon as they are idle. */
  keepOnly(addresses: readonly ReplicaAddress[]): void;
  /** Opens new connections with this material from now on. Calls in flight end on the old ones. */
  renew(material: TlsMaterial): void;
  close(): void;
};

type Connection = { readonly transport: Transport; readonly manager: Http2SessionManager };

/** Creates the connections; nothing is opened. */
export function createReplicaConnections(
  interceptors: Interceptor[],
  firstMaterial: TlsMaterial | undefined,
): ReplicaConnections {
  const connections = new Map<string, Connection>();
  let retired: Http2SessionManager[] = [];
  let material = firstMaterial;

  const open = ({ url, serverName }: ReplicaAddress): Connection => {
    const tls =
      url.startsWith('https:') && serverName !== undefined ? { ...material, servername: serverName } : material;
    const manager = new Http2SessionManager(url, CONNECTION, tls);
    const transport = createUnaryTransport({ url, manager, interceptors });
    return { transport, manager };
  };
  // A retired connection closes when it is idle.
  const retire = (url: string, { manager }: Connection): void => {
    connections.delete(url);
    retired = [...retired.filter((old) => old.state() === 'open'), manager];
  };

  return {
    to: (address) => {
      const connection = connections.get(address.url) ?? open(address);
      connections.set(address.url, connection);
      return connection.transport;
    },
    keepOnly: (addresses) => {
      if (connections.size <= addresses.length && addresses.every(({ url }) => connections.has(url))) return;
      for (const [url, connection] of connections)
        if (!addresses.some((address) => address.url === url)) retire(url, connection);
    },
    renew: (renewed) => {
      material = renewed;
      for (const [url, connection] of connections) retire(url, connection);
    },
    close: () => {
      for (const manager of [...retired, ...[...connections.values()].map(({ manager }) => manager)]) manager.abort();
    },
  };
}
