// Between Node's request and Connect's handler. Unlike Connect's own adapter it answers bad authorities instead of
// throwing, and sends an answer before the request's body is read to its end. An answer from the answer memory bypasses the
// handler.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ContextValues, createContextValues } from '@connectrpc/connect';
import { createAsyncIterable, type UniversalServerRequest } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import { type AnswerMemory, copyAnswer, readUnaryCall, writeAnswer } from './answer-memory.ts';
import { drainWhenAnswered } from './drain.ts';
import type { Route } from './routes.ts';
import { sendAnswer } from './send-answer.ts';

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
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const values = createContextValues();
  try {
    const answer = await route.handler(readRequest(request, response, values, call?.body));
    const recorded = call ? copyAnswer(answer, (copy) => memory.learn(call, copy, values)) : answer;
    await sendAnswer(recorded, response, gone.signal);
  } catch (error) {
    // The caller is gone: the error cannot be reported to it.
    if (gone.signal.aborted) return;
    throw error;
  }
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
  return body ? { ...universalRequest, body: createAsyncIterable([body]) } : universalRequest;
}
