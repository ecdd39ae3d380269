// An answer of Connect's handler, written to Node's response. Connect's own function first reads the rest of an HTTP/1.1 request: a
// caller that holds it back would get no answer, and one that sends more than a little would lose its connection. Here the
// rest is read after the answer, see drain.ts.

import type { ServerResponse } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { exposeByName } from './cors.ts';
import { recodeGrpcMessage } from './grpc-message.ts';
import { toNodeHeaders } from './node-headers.ts';

/**
 * Writes an answer as fast as the caller reads it. When `gone` is aborted, it stops and ends the generator of the body. A caller that
 * reads nothing for `stallMs` is cut off: its answer would be in memory for as long as it likes.
 *
 * @throws what the body threw.
 */
export async function sendAnswer(
  { status, header, body, trailer }: UniversalServerResponse,
  response: ServerResponse,
  gone: AbortSignal,
  stallMs: number,
): Promise<void> {
  // The handler may set headers until its first chunk is there.
  const writeHead = () => {
    if (response.headersSent) return;
    const nodeHeader = toNodeHeaders(header);
    exposeByName(response, nodeHeader);
    response.writeHead(status, nodeHeader);
  };
  for await (const chunk of body ?? []) {
    if (gone.aborted) return;
    writeHead();
    if (!response.write(chunk)) await untilEvent(response, 'drain', gone, stallMs);
  }
  if (gone.aborted) return;
  writeHead();
  if (trailer) {
    recodeGrpcMessage(trailer);
    response.addTrailers(toNodeHeaders(trailer) as NodeJS.Dict<string>);
  }
  const finished = untilEvent(response, 'finish', gone, stallMs);
  response.end();
  await finished;
}

// Neither event comes from a caller that is gone, or from one that does not read.
function untilEvent(
  response: ServerResponse,
  event: 'drain' | 'finish',
  gone: AbortSignal,
  stallMs: number,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => response.destroy(), stallMs);
  const settle = () => {
    clearTimeout(timer);
    response.off(event, settle);
    gone.removeEventListener('abort', settle);
    resolve();
  };
  response.once(event, settle);
  gone.addEventListener('abort', settle);
  if (gone.aborted) settle();
  return promise;
}
