// The certificate that a client has shown, if an authority of the server's options has signed it.

import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { PeerCertificate, TLSSocket } from 'node:tls';

// Reading a certificate costs more than the rest of a small call, and a connection keeps its certificate.
const known = new WeakMap<object, PeerCertificate | null>();

/**
 * Returns the client's certificate: verified, so its names can be trusted. `undefined` over cleartext, without a certificate, and for one that no
 * authority in `tls.ca` has signed or that has expired.
 */
export function findClientCertificate(request: IncomingMessage): PeerCertificate | undefined {
  const { stream } = request as unknown as Partial<Http2ServerRequest>;
  const connection = stream?.session ?? request.socket;
  let certificate = known.get(connection);
  if (certificate === undefined) {
    certificate = readCertificate(stream?.session?.socket ?? request.socket);
    known.set(connection, certificate);
  }
  return certificate ?? undefined;
}

function readCertificate(socket: unknown): PeerCertificate | null {
  const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>;
  if (authorized !== true || getPeerCertificate === undefined) return null;
  const certificate = (socket as TLSSocket).getPeerCertificate();
  return certificate.subject === undefined ? null : certificate;
}
