// Ports for servers that are killed and come back: below the range of outgoing connections, which could take them in between.
import { resolvePorts } from '#local/stack/stack-ports.ts';

/** Returns free loopback ports. */
export async function choosePorts(owner: string, count: number): Promise<number[]> {
  const requests = Array.from({ length: count }, (_, index) => ({
    process: owner,
    variable: String(index),
    port: 0,
    host: '127.0.0.1',
  }));
  return [...(await resolvePorts(requests, { afterKill: false })).values()];
}
