// The stack's ports, resolved before any process starts: a given port must be free, 0 becomes a free one.

import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { findPortHolder, type PortHolder, type PortUse } from '../process/port-holder.ts';

const ORPHAN_EXIT_MS = 6_000;
// A closed connection keeps its port for a minute.
const CONNECTION_MS = 65_000;
// Where it is not known what holds a port.
const UNKNOWN_MS = 2_000;
const POLL_MS = 100;
/** Below the ephemeral range: an outgoing connection could take a chosen port before our server binds it. */
const CHOSEN_FROM = 20_000;
const CHOSEN_UP_TO = 32_000;
const MAX_CHOICES = 100;

export type PortRequest = {
  process: string;
  /** The setting that holds it. */
  variable: string;
  /** 0 chooses a free one. */
  port: number;
  host: string;
};

/** One or more ports are unavailable; the message has a line for each, naming port, setting and process. */
class PortsUnavailableError extends Error {
  override readonly name = 'PortsUnavailableError';
}

export type ResolveOptions = {
  /** Waits for the processes of a killed stack, which its watchdog is stopping. */
  afterKill: boolean;
  /** How long an outgoing connection that happens to hold one of the ports is waited for. Default 65 s. */
  connectionMs?: number;
  /** Receives one line when connections are waited for. */
  log?: (line: string) => void;
  /** Ends the wait. */
  signal?: AbortSignal | undefined;
};

/**
 * Returns the port of each setting. Waits for what passes by itself; a port on which a server listens is refused at once.
 * @throws {PortsUnavailableError} naming every port that is taken.
 */
export async function resolvePorts(
  requests: readonly PortRequest[],
  { afterKill, connectionMs = CONNECTION_MS, log = () => undefined, signal }: ResolveOptions,
): Promise<Map<string, number>> {
  const startedAt = performance.now();
  let isLogged = false;
  for (;;) {
    const { ports, refused } = await tryPorts(requests);
    if (refused.length === 0) return ports;
    const holders = await Promise.all(refused.map(({ port }) => findPortHolder(port)));
    const limitMs = Math.min(...refused.map(({ code }, at) => waitFor(code, holders[at]?.use, connectionMs)));
    if (performance.now() - startedAt >= Math.max(afterKill ? ORPHAN_EXIT_MS : 0, limitMs)) {
      throw new PortsUnavailableError(refused.map((refusal, at) => describeRefusal(refusal, holders[at])).join('\n'));
    }
    const held = refused.filter((_, at) => holders[at]?.use === 'connection').map(({ port }) => port);
    if (held.length > 0 && !isLogged) log(`waits up to a minute for outgoing connections on port ${held.join(', ')}`);
    isLogged ||= held.length > 0;
    await delay(POLL_MS, undefined, { signal });
  }
}

/** How long a refused port may be waited for. */
function waitFor(code: string, use: PortUse | undefined, connectionMs: number): number {
  if (code !== 'EADDRINUSE' || use === 'listener') return 0;
  return use === 'unknown' ? UNKNOWN_MS : connectionMs;
}

type Refusal = PortRequest & {
  code: string;
};

/** Binds all ports at the same time, so that no two settings get the same one, then releases them. */
async function tryPorts(requests: readonly PortRequest[]) {
  const ports = new Map<string, number>();
  const refused: Refusal[] = [];
  const held: Server[] = [];
  try {
    // Given ports first: a chosen port could be one of them.
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

function describeRefusal({ process, variable, port, host, code }: Refusal, holder: PortHolder | undefined): string {
  const what = `port ${port} (${variable}, ${process})`;
  if (code !== 'EADDRINUSE') return `${what} cannot be used on ${host}: ${code}`;
  const use = holder?.use === 'connection' ? ' for a connection' : '';
  const by = holder?.process ? ` by pid ${holder.process.pid} (${holder.process.program})` : '';
  return `${what} is already in use${use}${by}; stop that process, or set ${variable} to another port`;
}
