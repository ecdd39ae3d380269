// An answer of Connect's handler, written to Node's response. Connect's own function first reads the rest of an HTTP/1.1 request: a
// caller that holds it back would get no answer, and one that sends more than a little would lose its connection. Here the
// rest is read after the answer, see drain.ts.

import type { ServerResponse } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { toNodeHeaders } from './answer-memory.ts';
import { recodeGrpcMessage } from './grpc-message.ts';

/**
 * Writes an answer as fast as the caller reads it. When `gone` is aborted, it stops and ends the generator of the body.
 *
 * @throws what the body threw.
 */
export async function sendAnswer(
  { status, header, body, trailer }: UniversalServerResponse,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  // The handler may set headers until its first chunk is there.
  const writeHead = () => response.headersSent || response.writeHead(status, toNodeHeaders(header));
  for await (const chunk of body ?? []) {
    if (gone.aborted) return;
    writeHead();
    if (!response.write(chunk)) await untilWritable(response, gone);
  }
  if (gone.aborted) return;
  writeHead();
  if (trailer) {
    recodeGrpcMessage(trailer);
    response.addTrailers(toNodeHeaders(trailer) as NodeJS.Dict<string>);
  }
  response.end();
}

// The event `drain` never comes from a caller that is gone.
function untilWritable(response: ServerResponse, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    response.off('drain', settle);
    gone.removeEventListener('abort', settle);
    resolve();
  };
  response.once('drain', settle);
  gone.addEventListener('abort', settle);
  if (gone.aborted) settle();
  return promise;
}
