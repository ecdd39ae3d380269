// Port checks of the local stack: a free port for servers that do not accept port 0, and a clear error for a taken port.
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** The port of a local server is taken by another process. */
export class PortTakenError extends Error {
  readonly port: number;

  constructor(owner: string, { port, cause }: { port: number; cause: unknown }) {
    super(`port ${port} (${owner}) is already in use on ${LOOPBACK}`, { cause });
    this.name = 'PortTakenError';
    this.port = port;
  }
}

/** Returns a loopback port that is free now. Another process may take it first, so the caller retries when it is taken. */
export function chooseFreePort(): Promise<number> {
  return listenOnce(0);
}

/** @throws {PortTakenError} naming `owner` and the port when another process listens on it. */
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
