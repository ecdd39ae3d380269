// The message of an error in gRPC's trailers. Connect encodes it with encodeURIComponent. gRPC asks for less, and clients that decode
// with decodeURI, as those on grpc-js do, would show `%3A` for every colon.

// Clients and Node refuse headers that are longer than their limits, and the caller would get a reset instead of the error.
const MAX_MESSAGE = 8 * 1024;
const MAX_DETAILS = 32 * 1024;

/**
 * Encodes a message as gRPC asks: only `%`, bytes that are not visible ASCII, and spaces at the ends, which headers lose. The end of a
 * message that is too long for a header is left out.
 */
export function encodeGrpcMessage(message: string): string {
  const encoded = message.toWellFormed().replace(/^ | $|[^ -$&-~]+/g, encodeURIComponent);
  if (encoded.length <= MAX_MESSAGE) return encoded;
  const share = MAX_MESSAGE / encoded.length;
  return encodeGrpcMessage(message.slice(0, Math.floor(message.length * Math.min(share, 0.9))));
}

/** Encodes the message of trailers that Connect has written again, as gRPC asks. Details that are too long for a header are left out. */
export function recodeGrpcMessage(trailers: Headers): void {
  const encoded = trailers.get('grpc-message');
  if (encoded !== null) trailers.set('grpc-message', encodeGrpcMessage(decodeURIComponent(encoded)));
  const details = trailers.get('grpc-status-details-bin') ?? '';
  if (details.length > MAX_DETAILS) trailers.delete('grpc-status-details-bin');
}
