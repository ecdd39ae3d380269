// A plain call: unary, over HTTP/1.1, and so short that it arrived in one chunk. Its body can be read before Connect sees the call, and
// put back for it.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';

/** A unary call as it was received. */
export type PlainCall = {
  readonly method: DescMethod;
  /** By lower-case name. */
  readonly header: IncomingHttpHeaders;
  /** Compressed or enveloped as the header declares. */
  readonly body: Uint8Array;
};

const MAX_BODY_BYTES = 16 * 1024;

/**
 * Reads a plain call; for any other call it reads nothing and returns `undefined`. It does not wait for the rest of a body: Connect does,
 * with deadlines and limits.
 */
export async function readPlainCall(method: DescMethod, request: IncomingMessage): Promise<PlainCall | undefined> {
  if (method.methodKind !== 'unary' || request.method !== 'POST' || request.httpVersionMajor !== 1) return undefined;
  const bodyBytes = Number(request.headers['content-length'] ?? Number.NaN);
  // The parser delivers a body that arrived together with its headers within this turn.
  await Promise.resolve();
  if (request.readableLength !== bodyBytes || bodyBytes > MAX_BODY_BYTES || request.destroyed) return undefined;
  return { method, header: request.headers, body: request.read() ?? new Uint8Array() };
}
