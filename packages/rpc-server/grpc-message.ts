// The message of an error in gRPC's trailers. Connect encodes it with encodeURIComponent. gRPC asks for less, and clients that decode
// with decodeURI, as those on grpc-js do, would show `%3A` for every colon.

/** Encodes a message as gRPC asks: only `%`, bytes that are not visible ASCII, and spaces at the ends, which headers lose. */
export function encodeGrpcMessage(message: string): string {
  return message.toWellFormed().replace(/^ | $|[^ -$&-~]+/g, encodeURIComponent);
}

/** Encodes the message of trailers that Connect has written again, as gRPC asks. */
export function recodeGrpcMessage(trailers: Headers): void {
  const encoded = trailers.get('grpc-message');
  if (encoded !== null) trailers.set('grpc-message', encodeGrpcMessage(decodeURIComponent(encoded)));
}
