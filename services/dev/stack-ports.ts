// The stack's ports, all of them settled before anything is started: wanted ones must be free, 0 becomes one of the system's.

import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { findPortHolder, type PortHolder } from './port-holder.ts';

const LEAVE_TIME_MS = 6_000;
const CONNECTION_TIME_MS = 2_000;
const POLL_MS = 100;

export interface PortRequest {
  part: string;
  /** The setting that holds it. */
  variable: string;
  /** 0 lets the system choose. */
  port: number;
  host: string;
}

/** One or more ports cannot be had; one line for each, naming port, part and setting. */
class PortsUnavailableError extends Error {
  override readonly name = 'PortsUnavailableError';
}

/**
 * Returns the port of each setting. Throws PortsUnavailableError naming every port that is taken. `afterKill` gives the parts of
 * a stack that was killed the time to go that its watchdog gives them; an outgoing connection that happens to have one of the
 * ports gets some as well.
 */
export async function settlePorts(
  requests: readonly PortRequest[],
  { afterKill }: { afterKill: boolean },
): Promise<Map<string, number>> {
  const startedAt = performance.now();
  for (;;) {
    const { ports, refused } = await tryPorts(requests);
    if (refused.length === 0) return ports;
    const holders = await Promise.all(refused.map(({ port }) => findPortHolder(port)));
    const passing = holders.every((holder) => holder?.listens === false);
    const patienceMs = Math.max(afterKill ? LEAVE_TIME_MS : 0, passing ? CONNECTION_TIME_MS : 0);
    if (performance.now() - startedAt >= patienceMs) {
      throw new PortsUnavailableError(refused.map((refusal, at) => describeRefusal(refusal, holders[at])).join('\n'));
    }
    await delay(POLL_MS);
  }
}

interface Refusal extends PortRequest {
  code: string;
}

/** Holds all of them at once, so that no two settings get the same port, then lets go. */
async function tryPorts(requests: readonly PortRequest[]) {
  const ports = new Map<string, number>();
  const refused: Refusal[] = [];
  const held: Server[] = [];
  try {
    // Wanted ports first: one that the system chooses could be one that is wanted.
    for (const request of requests.toSorted((one, other) => Number(one.port === 0) - Number(other.port === 0))) {
      try {
        const { server, port } = await listen(request);
        held.push(server);
        ports.set(request.variable, port);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        refused.push({ ...request, code: String(error.code) });
      }
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
  return { ports, refused };
}

function listen({ port, host }: PortRequest): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
      resolve({ server, port: address.port });
    });
  });
}

function describeRefusal({ part, variable, port, host, code }: Refusal, holder: PortHolder | undefined): string {
  const what = `port ${port} (${variable}, ${part})`;
  if (code !== 'EADDRINUSE') return `${what} cannot be used on ${host}: ${code}`;
  const use = holder?.listens === false ? ' for a connection' : '';
  const by = holder ? `${use} by pid ${holder.pid} (${holder.program})` : '';
  return `${what} is already taken${by}; stop that, or set ${variable} to another port`;
}
