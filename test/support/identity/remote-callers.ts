// Callers from another machine, which tests do not have: servers of this process take every new connection for one.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

// Node publishes each connection that a server accepts.
const ACCEPTED = 'net.server.socket';

/** Gives each connection from now on this remote address, until the end of the test. */
export function takeCallersForRemote(remoteAddress = '192.0.2.7'): Disposable {
  const pretend = (message: unknown) => {
    const { socket } = message as { readonly socket: object };
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  };
  subscribe(ACCEPTED, pretend);
  return { [Symbol.dispose]: () => void unsubscribe(ACCEPTED, pretend) };
}
