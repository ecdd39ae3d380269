// Whether the service under test accepts connections, and which protocols it speaks.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { parseUpstream } from '../../fault-proxy/upstream-address.ts';
import { encodeRequest } from './encode-request.ts';
import { canCarry, type FuzzWire, isEnveloped } from './fuzz-wire.ts';
import type { HttpClient, RawAnswer } from './http-client.ts';
import { complete } from './messages.ts';

const POLL_MS = 50;
const CONNECT_MS = 2000;

/** How long a service may take to come back after a crash. */
export const RESTART_MS = 5000;

/** Returns whether the service accepts connections. */
export async function acceptsConnections(url: string): Promise<boolean> {
  const socket = connect(parseUpstream(url));
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Waits until the service accepts connections, as it does after a restart. Returns whether it does. */
export async function awaitConnections(url: string, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) {
    if (await acceptsConnections(url)) return true;
    await delay(POLL_MS);
  }
  return false;
}

/** What a probe needs. */
export type ProbeOptions = {
  readonly url: string;
  readonly client: HttpClient;
  readonly methods: readonly DescMethod[];
  readonly registry: Registry;
  readonly headers: Readonly<Record<string, string>>;
};

/** Returns whether the service speaks a protocol over this version of HTTP: it answers an empty request in it. */
export async function isSpoken(
  wire: FuzzWire,
  { url, client, methods, registry, headers }: ProbeOptions,
): Promise<boolean> {
  const usable = methods.filter((method) => canCarry(wire, method)).slice(0, 3);
  for (const method of usable) {
    const call = { method, wire, messages: [complete(method.input)], deviation: undefined, damage: undefined };
    const answer = await client.send(encodeRequest(call, registry, headers), wire.http);
    if (isOfProtocol(answer, wire, method)) return true;
    // The request may have ended the service. That is for the run to find.
    if (answer.kind === 'lost') await awaitConnections(url, RESTART_MS);
  }
  return false;
}

function isOfProtocol(answer: RawAnswer, wire: FuzzWire, method: DescMethod): boolean {
  if (answer.kind !== 'answer') return answer.kind === 'no end';
  const { 'content-type': type = '' } = answer.headers;
  if (wire.protocol !== 'connect') return answer.status === 200 && type.startsWith(`application/${wire.protocol}`);
  return isEnveloped(wire, method)
    ? type.startsWith('application/connect+')
    : /^application\/(json|proto)\b/.test(type);
}
