// Keeps a process alive when an HTTP/2 connection of its clients breaks in an odd way, such as garbage on the wire.
import diagnostics from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

const guarded = new WeakSet<ClientHttp2Session>();
let installed = false;

/**
 * Listens to the errors of every HTTP/2 client session of this process, from its first call on. The client library stops
 * listening to a broken session once the next call asks for a new one; an error told after that would end the process. The
 * calls on the session fail all the same, and tell. Repeated calls do nothing.
 */
export function surviveBrokenSessions(): void {
  if (installed) return;
  installed = true;
  diagnostics.subscribe('http2.client.stream.created', (message) => {
    const { session } = (message as { stream: ClientHttp2Stream }).stream;
    if (session === undefined || guarded.has(session as ClientHttp2Session)) return;
    guarded.add(session as ClientHttp2Session);
    session.on('error', () => undefined);
  });
}
