// Between Node's request and Connect's handler. Unlike Connect's own adapter it answers bad authorities instead of
// throwing, and keeps the connection usable when an answer comes before the request's body is read to its end.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { drainWhenAnswered } from './drain.ts';

/**
 * Runs `handler` for one request.
 *
 * @throws what the handler or the writing of its answer threw, except when the caller went away.
 */
export async function serveRpc(
  handler: UniversalHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const universalRequest = readRequest(request, response);
  if (!universalRequest) {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end('the request has no usable host or path\n');
    return;
  }
  drainWhenAnswered(request, response);
  const gone = Promise.withResolvers<void>();
  response.once('close', gone.resolve);
  try {
    await universalResponseToNodeResponse(endWith(gone.promise, await handler(universalRequest)), response);
  } catch (error) {
    // The caller is gone, and with it the one who could have been told.
    if (ConnectError.from(error).code === Code.Aborted || response.destroyed) return;
    throw error;
  }
}

// Over HTTP/1.1 a write to a caller who has left never settles: what produces the answer would stay suspended for ever,
// its `finally` blocks unrun. This ends it however far it has come.
function endWith(gone: Promise<void>, answer: UniversalServerResponse): UniversalServerResponse {
  const iterator = answer.body?.[Symbol.asyncIterator]();
  if (!iterator) return answer;
  // A producer that fails while it is ended has nobody left to tell.
  void gone.then(() => iterator.return?.()).catch(() => undefined);
  return { ...answer, body: { [Symbol.asyncIterator]: () => iterator } };
}

function readRequest(request: IncomingMessage, response: ServerResponse): UniversalServerRequest | undefined {
  const authority = (request as { authority?: string }).authority ?? request.headers.host;
  if (!authority || !URL.canParse(request.url ?? '', `http://${authority}`)) return undefined;
  const universalRequest = universalRequestFromNodeRequest(request, response as never, undefined, undefined);
  // Breaking off the default iterator destroys the connection, and the answer that explains why goes with it.
  return { ...universalRequest, body: request.iterator({ destroyOnReturn: false }) };
}
