// The stack's ports, all of them settled before anything is started: wanted ones must be free, 0 becomes a free one.

import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { findPortHolder, type PortHolder } from '../process/port-holder.ts';

const LEAVE_TIME_MS = 6_000;
const CONNECTION_TIME_MS = 2_000;
const POLL_MS = 100;
/** Below those that a system hands out to outgoing connections: one of them, let go for a moment, could be gone for good. */
const CHOSEN_FROM = 20_000;
const CHOSEN_UP_TO = 32_000;
const MAX_CHOICES = 100;

export type PortRequest = {
  part: string;
  /** The setting that holds it. */
  variable: string;
  /** 0 takes any that is free. */
  port: number;
  host: string;
};

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
    // Where nobody has it, whoever did went while we looked.
    const passing = refused.every(({ code }, at) => code === 'EADDRINUSE' && holders[at]?.listens !== true);
    const patienceMs = Math.max(afterKill ? LEAVE_TIME_MS : 0, passing ? CONNECTION_TIME_MS : 0);
    if (performance.now() - startedAt >= patienceMs) {
      throw new PortsUnavailableError(refused.map((refusal, at) => describeRefusal(refusal, holders[at])).join('\n'));
    }
    await delay(POLL_MS);
  }
}

type Refusal = PortRequest & {
  code: string;
};

/** Holds all of them at once, so that no two settings get the same port, then lets go. */
async function tryPorts(requests: readonly PortRequest[]) {
  const ports = new Map<string, number>();
  const refused: Refusal[] = [];
  const held: Server[] = [];
  try {
    // Wanted ports first: one that is chosen could be one that is wanted.
    for (const request of requests.toSorted((one, other) => Number(one.port === 0) - Number(other.port === 0))) {
      try {
        const { server, port } = await (request.port === 0 ? listenAnywhere(request.host) : listen(request));
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

async function listenAnywhere(host: string): Promise<{ server: Server; port: number }> {
  for (let choice = 1; ; choice += 1) {
    try {
      return await listen({ host, port: randomInt(CHOSEN_FROM, CHOSEN_UP_TO) });
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!isTaken || choice === MAX_CHOICES) throw error;
    }
  }
}

function listen({ port, host }: Pick<PortRequest, 'port' | 'host'>): Promise<{ server: Server; port: number }> {
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
