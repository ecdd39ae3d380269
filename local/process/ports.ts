// Ports of the local stack: a free one for servers that cannot be given port 0, and one clear line for a taken one.
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** A server of the local stack could not have its port. */
export class PortTakenError extends Error {
  readonly port: number;

  constructor(owner: string, { port, cause }: { port: number; cause: unknown }) {
    super(`port ${port} (${owner}) is already in use on ${LOOPBACK}`, { cause });
    this.name = 'PortTakenError';
    this.port = port;
  }
}

/** Returns a loopback port that was free a moment ago; whoever takes it must be ready to be overtaken. */
export function chooseFreePort(): Promise<number> {
  return listenOnce(0);
}

/** Throws a PortTakenError that names `owner` and the port when something listens on it already. */
export async function assertPortFree(owner: string, port: number): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new PortTakenError(owner, { port, cause: error });
    }
    throw error;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
      server.close(() => resolve(address.port));
    });
  });
}
