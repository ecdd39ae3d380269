// Protection against HTTP/2 client connections that break in unusual ways, such as by garbage on the wire.
import diagnostics from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

const protectedSessions = new WeakSet<ClientHttp2Session>();
let isInstalled = false;

/**
 * Listens to errors of every HTTP/2 client session of this process, from the first call on; further calls do nothing. The client
 * library removes its listener from a broken session once the next call opens a new one; a later error event would end the process.
 * The calls on the broken session fail by themselves and report why.
 */
export function surviveBrokenSessions(): void {
  if (isInstalled) return;
  isInstalled = true;
  diagnostics.subscribe('http2.client.stream.created', (message) => {
    const { session } = (message as { stream: ClientHttp2Stream }).stream;
    if (session === undefined || protectedSessions.has(session as ClientHttp2Session)) return;
    protectedSessions.add(session as ClientHttp2Session);
    session.on('error', () => undefined);
  });
}
