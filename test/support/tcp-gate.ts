// A TCP gate in front of a real server, for tests of outages: open, shut (connections are reset) or
// silent (connections stay open, nothing passes).
import { connect as connectTo, createServer, type Socket } from 'node:net';

export type TcpGate = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Lets everything pass again, over new connections. */
  open(): void;
  /** Resets every connection, and new ones as they come. */
  shut(): void;
  /** Lets nothing pass any more, without closing connections. */
  silence(): void;
};

/** Opens a gate to a server on loopback, on a port of the system's choice. */
export async function startTcpGate(upstreamPort: number): Promise<TcpGate> {
  const host = '127.0.0.1';
  const sockets = new Set<Socket>();
  let state: 'open' | 'shut' | 'silent' = 'open';

  const keep = (socket: Socket, peer: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      peer.destroy();
    });
    socket.on('error', () => peer.destroy());
    socket.on('data', (data) => {
      if (state === 'open') peer.write(data);
    });
    socket.on('end', () => peer.end());
  };
  const server = createServer((client) => {
    if (state === 'shut') {
      client.resetAndDestroy();
      return;
    }
    const target = connectTo(upstreamPort, host);
    keep(client, target);
    keep(target, client);
  });
  const resetAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    host,
    port: address.port,
    open: () => {
      // Connections that lost data in silence are out of sync with their server.
      if (state === 'silent') resetAll();
      state = 'open';
    },
    shut: () => {
      state = 'shut';
      resetAll();
    },
    silence: () => {
      state = 'silent';
    },
    [Symbol.asyncDispose]: async () => {
      state = 'shut';
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      resetAll();
      await closed;
    },
  };
}
