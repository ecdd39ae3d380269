// Between Node's request and Connect's handler. Unlike Connect's own adapter it answers bad authorities instead of
// throwing, and keeps the connection usable when an answer is sent before the request's body is read to its end. An
// answer from the answer memory bypasses the handler.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code, ConnectError, type ContextValues, createContextValues } from '@connectrpc/connect';
import {
  createAsyncIterable,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { type AnswerMemory, copyAnswer, readUnaryCall, writeAnswer } from './answer-memory.ts';
import { drainWhenAnswered } from './drain.ts';
import type { Route } from './routes.ts';

/**
 * Runs the handler of `route` for one request, or sends the answer that `memory` has for it.
 *
 * @throws what the handler or the writing of its answer threw, except when the caller went away.
 */
export async function serveRpc(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  memory?: AnswerMemory,
): Promise<void> {
  if (!isAddressed(request)) {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end('the request has no usable host or path\n');
    return;
  }
  const call = memory && (await readUnaryCall(route.method, request));
  const recalled = call && memory.recall(call);
  if (recalled) {
    writeAnswer(recalled, response);
    return;
  }
  drainWhenAnswered(request, response);
  const gone = Promise.withResolvers<void>();
  response.once('close', gone.resolve);
  const values = createContextValues();
  try {
    const answer = await route.handler(readRequest(request, response, values, call?.body));
    const recorded = call ? copyAnswer(answer, (copy) => memory.learn(call, copy, values)) : answer;
    await universalResponseToNodeResponse(endWith(gone.promise, recorded), response);
  } catch (error) {
    // The caller is gone: the error cannot be reported to it.
    if (ConnectError.from(error).code === Code.Aborted || response.destroyed) return;
    throw error;
  }
}

// Over HTTP/1.1 a write to a caller that is gone never settles: the generator of the answer would stay suspended for ever,
// without running its `finally` blocks. This ends the generator.
function endWith(gone: Promise<void>, answer: UniversalServerResponse): UniversalServerResponse {
  const iterator = answer.body?.[Symbol.asyncIterator]();
  if (!iterator) return answer;
  // The caller is gone, so an error while the generator ends cannot be reported.
  void gone.then(() => iterator.return?.()).catch(() => undefined);
  return { ...answer, body: { [Symbol.asyncIterator]: () => iterator } };
}

function isAddressed(request: IncomingMessage): boolean {
  const authority = (request as { authority?: string }).authority ?? request.headers.host;
  return authority !== undefined && URL.canParse(request.url ?? '', `http://${authority}`);
}

function readRequest(
  request: IncomingMessage,
  response: ServerResponse,
  values: ContextValues,
  body: Uint8Array | undefined,
): UniversalServerRequest {
  const universalRequest = universalRequestFromNodeRequest(request, response as never, undefined, values);
  // Returning early from the default iterator destroys the connection, and with it the answer that explains why.
  const rest = () => request.iterator({ destroyOnReturn: false });
  return { ...universalRequest, body: body ? createAsyncIterable([body]) : rest() };
}
