// After an early answer (a body too large, a refused call) the rest of the body still has to be read: a caller that is
// busy sending would otherwise see a broken connection instead of the answer.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

// The limits of what a caller may still send after its answer; beyond them it is cut off.
const DRAIN_LIMIT_BYTES = 64 * 1024 * 1024;
const DRAIN_LIMIT_MS = 10_000;

/** Reads and drops what is left of `request` once `response` is finished, within limits. */
export function drainWhenAnswered(request: IncomingMessage, response: ServerResponse): void {
  // The response of an HTTP/2 call finishes when its stream is closed, which waits for the rest of the request.
  const answered = (response as { stream?: ServerHttp2Stream }).stream ?? response;
  answered.once('finish', () => {
    if (!request.complete && !request.destroyed) drain(request);
  });
}

function drain(request: IncomingMessage): void {
  // HTTP/2 resets the one stream, without an error; HTTP/1.1 has only the connection. A request that is
  // already answered emits no event at the end of its connection, so the connection itself is observed.
  const stream = (request as { stream?: ServerHttp2Stream }).stream;
  const carrier = stream ?? request.socket;
  const cutOff = () => (stream ? stream.close() : request.socket.destroy());
  const timer = setTimeout(cutOff, DRAIN_LIMIT_MS);
  const settle = () => {
    clearTimeout(timer);
    carrier.off('close', settle);
  };
  let drainedBytes = 0;
  request.on('data', (chunk: Buffer) => {
    drainedBytes += chunk.length;
    if (drainedBytes > DRAIN_LIMIT_BYTES) cutOff();
  });
  request.once('end', settle);
  carrier.once('close', settle);
  request.resume();
}
