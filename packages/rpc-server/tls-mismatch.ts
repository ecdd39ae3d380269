// Connections whose caller speaks plaintext to a port with TLS, or TLS to one without.

// The first byte of a TLS connection.
const HANDSHAKE = 0x16;
// What OpenSSL says of HTTP/1.1, and of HTTP/2 and everything else.
const PLAINTEXT_CODES = ['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_WRONG_VERSION_NUMBER'];

/** Returns what a caller spoke to a port that speaks the other; undefined if the error of its connection has another cause. */
export function findTlsMismatch(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
): 'plaintext' | 'tls' | undefined {
  if (PLAINTEXT_CODES.includes(error.code ?? '')) return 'plaintext';
  return error.rawPacket?.[0] === HANDSHAKE ? 'tls' : undefined;
}
