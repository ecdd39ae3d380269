// Sockets of connections that the proxy decrypts, so that faults can affect their calls: TLS towards the client, towards the upstream service,
// or both.

import { isIP, Socket } from 'node:net';
import { type ConnectionOptions, connect, type SecureContext, TLSSocket } from 'node:tls';
import { PREFACE } from './http2/frame.ts';

/** The protocol of HTTP that client and upstream service have to agree on. */
export type HttpProtocol = 'h2' | 'http/1.1';

// As ALPN writes them: each name after its length.
const ALPN = Buffer.from('\x02h2\x08http/1.1', 'latin1');

// The first byte of a connection with TLS.
const TLS_HANDSHAKE = 0x16;

const rawSockets = new WeakMap<Socket, Socket>();

/** Resets the TCP connection of a socket, with TLS or without. */
export function resetSocket(socket: Socket): void {
  const raw = rawSockets.get(socket) ?? socket;
  if (raw.connecting || raw.pending) raw.destroy();
  else raw.resetAndDestroy();
}

/** Wraps the socket of a client that speaks TLS. */
export function decryptClient(raw: Socket, secureContext: SecureContext): Socket {
  const socket = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ALPN as never });
  return wrapped(raw, socket);
}

/** Connects to an upstream service that speaks TLS. */
export function connectSecurely(
  { host, port }: { readonly host: string; readonly port: number },
  protocol: HttpProtocol,
  options: ConnectionOptions,
): Socket {
  const raw = new Socket({ allowHalfOpen: true }).connect({ host, port });
  const socket = connect({
    ...options,
    socket: raw,
    host,
    servername: isIP(host) ? '' : host,
    ALPNProtocols: [protocol],
  });
  return wrapped(raw, socket);
}

function wrapped(raw: Socket, socket: Socket): Socket {
  // Its errors are errors of the wrapping socket too.
  raw.on('error', () => undefined);
  rawSockets.set(socket, raw);
  return socket;
}

/** Waits for the first bytes of a client, leaves them to be read, and calls `onRead`; not if the client ends before. */
export function readProtocol(client: Socket, onRead: (protocol: HttpProtocol | 'tls') => void): void {
  client.once('readable', () => {
    const bytes = client.read() as Buffer | null;
    if (bytes === null) return;
    client.unshift(bytes);
    const start = PREFACE.subarray(0, Math.min(bytes.length, PREFACE.length));
    if (bytes[0] === TLS_HANDSHAKE) return onRead('tls');
    onRead(bytes.subarray(0, start.length).equals(start) ? 'h2' : 'http/1.1');
  });
}
