// Ways to a server that a test can change: a gate that opens and shuts, a switchboard that leads elsewhere.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { startTcpGate, type TcpGate } from '../../../support/tcp-gate.ts';

export type Gate = TcpGate & {
  /** The connection string that leads through the gate. */
  readonly url: string;
};

/** Opens a gate to the server that a connection string names. */
export async function startGate(target: string): Promise<Gate> {
  const address = new URL(target);
  const gate = await startTcpGate(Number(address.port));
  address.port = String(gate.port);
  return { ...gate, url: address.toString() };
}

export type Switchboard = AsyncDisposable & {
  /** The same address, by way of the switchboard. */
  through(url: string): string;
  /** Breaks every connection and leads new ones to this port. */
  connectTo(port: number): void;
  /** How many connections came so far. */
  calls(): number;
};

/** Opens a port that leads to another. */
export async function startSwitchboard(firstPort: number): Promise<Switchboard> {
  let target = firstPort;
  let calls = 0;
  const sockets = new Set<Socket>();
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((inside) => {
    calls += 1;
    const outside = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('error', () => from.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    through: (url) => Object.assign(new URL(url), { port: String(port) }).toString(),
    connectTo: (next) => {
      target = next;
      breakAll();
    },
    calls: () => calls,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      breakAll();
      await closed;
    },
  };
}
