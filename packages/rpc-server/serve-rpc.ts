// Between Node's request and Connect's handler. Unlike Connect's own adapter it limits bodies and timeouts, and sends an answer before
// the request's body is read to its end. An answer from the answer memory bypasses the handler.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContextValues } from '@connectrpc/connect';
import { createAsyncIterable, type UniversalServerRequest } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import { type AnswerMemory, copyAnswer, readUnaryCall, writeAnswer } from './answer-memory.ts';
import { type CallTimeout, readCallTimeout } from './call-timeout.ts';
import { exposeByName } from './cors.ts';
import { drainWhenAnswered } from './drain.ts';
import { BodyBudget } from './limits/body-budget.ts';
import { createLimitErrors } from './limits/limit-error.ts';
import { type BodyLimits, limitBody } from './limits/request-body.ts';
import type { ResolvedOptions } from './options.ts';
import type { Route } from './routes.ts';
import { sendAnswer } from './send-answer.ts';

type ServeRpc = (
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  memory?: AnswerMemory,
) => Promise<void>;

/**
 * Returns a function that runs the handler of a route for one request, or sends the answer that `memory` has for it. It throws what the
 * handler or the writing of its answer threw, except when the caller went away.
 */
export function createRpcServing(options: ResolvedOptions): ServeRpc {
  const { bodyTimeoutMs, maxTimeoutMs, onLimit } = options;
  const limits: BodyLimits = {
    budget: new BodyBudget(options.maxRequestBytesInFlight),
    maxMessageBytes: options.maxRequestBytes,
    bodyTimeoutMs,
    errors: createLimitErrors(options.errorDomain),
    onLimit,
  };

  return async (route, request, response, memory) => {
    const call = memory && (await readUnaryCall(route.method, request));
    const recalled = call && memory.recall(call);
    if (recalled) {
      exposeByName(response, recalled.header);
      writeAnswer(recalled, response);
      return;
    }
    drainWhenAnswered(request, response);
    const gone = new AbortController();
    const timeout = readCallTimeout(request.headers, maxTimeoutMs);
    const body = limitBody(request, route.method, timeout?.timeoutMs, limits);
    response.once('close', () => {
      body.release();
      gone.abort();
    });
    const values = options.contextValues(request);
    try {
      const chunks = call ? createAsyncIterable([call.body]) : body.chunks;
      const answer = await route.handler(readRequest(request, response, values, timeout, chunks));
      const recorded = call ? copyAnswer(answer, (copy) => memory.learn(call, copy, values)) : answer;
      await sendAnswer(recorded, response, gone.signal, bodyTimeoutMs);
    } catch (error) {
      // The caller is gone: the error cannot be reported to it.
      if (gone.signal.aborted) return;
      throw error;
    }
  };
}

function readRequest(
  request: IncomingMessage,
  response: ServerResponse,
  values: ContextValues,
  timeout: CallTimeout | undefined,
  body: AsyncIterable<Uint8Array>,
): UniversalServerRequest {
  const universalRequest = universalRequestFromNodeRequest(request, response as never, undefined, values);
  const { header } = universalRequest;
  if (timeout) header.set(timeout.headerName, timeout.headerValue);
  // Connect would reserve this much memory before the body has arrived.
  header.delete('content-length');
  return { ...universalRequest, body };
}
