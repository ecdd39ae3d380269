// The open connections of a port: their number, altogether and for each peer. When a limit is reached, the connection that has been
// idle longest is closed in favour of a new one, so that idle connections cannot keep callers out.

export type ConnectionLimits = {
  readonly maxConnections: number;
  /** Of one address. A proxy in front of the server is one peer. */
  readonly maxConnectionsPerPeer: number;
};

/** The part of a socket that is used. */
export type PeerSocket = {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  destroy(): void;
};

type Response = { readonly headersSent: boolean };

/** One open connection. */
export class Connection {
  readonly socket: PeerSocket;
  readonly peer: string;
  /** Identifies it among the open connections. */
  readonly key: string;
  readonly #responses = new Set<Response>();
  readonly #onChange: (connection: Connection) => void;

  constructor(socket: PeerSocket, peer: string, onChange: (connection: Connection) => void) {
    this.socket = socket;
    this.peer = peer;
    this.key = keyOf(socket);
    this.#onChange = onChange;
  }

  /** Whether no request is running on it. */
  get isIdle(): boolean {
    return this.#responses.size === 0;
  }

  /** Whether a part of a response has been written. */
  get isAnswering(): boolean {
    return [...this.#responses].some(({ headersSent }) => headersSent);
  }

  /** A request has come that will be answered by `response`. */
  begin(response: Response): void {
    this.#responses.add(response);
    if (this.#responses.size === 1) this.#onChange(this);
  }

  /** The request of `response` is over. */
  end(response: Response): void {
    this.#responses.delete(response);
    if (this.isIdle) this.#onChange(this);
  }
}

/** All open connections of a port. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #onRefused: (limit: 'connections' | 'peer_connections') => void;
  readonly #connections = new Map<string, Connection>();
  readonly #byPeer = new Map<string, number>();
  /** Those that have been idle longest come first. */
  readonly #idle = new Set<Connection>();

  /** @param onRefused called when a connection is closed because of a limit. */
  constructor(limits: ConnectionLimits, onRefused: (limit: 'connections' | 'peer_connections') => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Adds a new connection; returns `undefined` when it is over a limit and no idle one can be closed for it. */
  add(socket: PeerSocket): Connection | undefined {
    const peer = socket.remoteAddress;
    // Closed before it was accepted.
    if (peer === undefined) return undefined;
    const { maxConnections, maxConnectionsPerPeer } = this.#limits;
    const ofPeer = this.#byPeer.get(peer) ?? 0;
    if (ofPeer >= maxConnectionsPerPeer && !this.#makeRoom('peer_connections', (idle) => idle.peer === peer)) {
      return undefined;
    }
    if (this.#connections.size >= maxConnections && !this.#makeRoom('connections', () => true)) return undefined;
    const connection = new Connection(socket, peer, (changed) => this.#track(changed));
    this.#connections.set(connection.key, connection);
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1);
    this.#idle.add(connection);
    return connection;
  }

  /** The connection of a socket, also of the TLS socket on top of the one that was added. */
  find(socket: PeerSocket): Connection | undefined {
    return this.#connections.get(keyOf(socket));
  }

  /** Forgets a connection that is closed. */
  remove(connection: Connection): void {
    if (this.#connections.get(connection.key) !== connection) return;
    this.#connections.delete(connection.key);
    this.#idle.delete(connection);
    const left = (this.#byPeer.get(connection.peer) ?? 1) - 1;
    if (left === 0) this.#byPeer.delete(connection.peer);
    else this.#byPeer.set(connection.peer, left);
  }

  #makeRoom(limit: 'connections' | 'peer_connections', isCandidate: (idle: Connection) => boolean): boolean {
    this.#onRefused(limit);
    const victim = this.#idle.values().find(isCandidate);
    if (victim === undefined) return false;
    this.remove(victim);
    victim.socket.destroy();
    return true;
  }

  #track(connection: Connection): void {
    this.#idle.delete(connection);
    const isOpen = this.#connections.get(connection.key) === connection;
    if (connection.isIdle && isOpen) this.#idle.add(connection);
  }
}

function keyOf({ remoteAddress, remotePort }: PeerSocket): string {
  return `${remoteAddress} ${remotePort}`;
}
