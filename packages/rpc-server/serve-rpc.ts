// Between Node's request and Connect's handler. Unlike Connect's own adapter it limits bodies and timeouts, and sends an answer before
// the request's body is read to its end.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContextValues } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import { type CallTimeout, readCallTimeout } from './call-timeout.ts';
import { exposeByName } from './cors.ts';
import { drainWhenAnswered } from './drain.ts';
import { BodyBudget } from './limits/body-budget.ts';
import { createLimitErrors } from './limits/limit-error.ts';
import { type BodyLimits, limitBody } from './limits/request-body.ts';
import { toNodeHeaders } from './node-headers.ts';
import type { ResolvedOptions } from './options.ts';
import type { Route } from './routes.ts';
import { sendAnswer } from './send-answer.ts';
import { isPlainUnary, type UnaryHandler } from './unary-handler.ts';

// One for all calls: to create a DOMException costs more than the rest of what is done at the end of a call.
const GONE = new DOMException('the caller is gone', 'AbortError');

type ServeRpc = (route: Route, request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Returns a function that runs the handler of a route for one request. It throws what the handler or the writing of its answer threw,
 * except when the caller went away.
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

  const serveUnary = async (
    handle: UnaryHandler,
    { method }: Route,
    request: IncomingMessage,
    response: ServerResponse,
    timeout: CallTimeout | undefined,
  ): Promise<void> => {
    const body = limitBody(request, method, timeout?.timeoutMs, limits);
    let isGone = false;
    let stall: NodeJS.Timeout | undefined;
    response.once('close', () => {
      isGone = true;
      body.release();
      clearTimeout(stall);
    });
    const values = options.contextValues(request);
    const answer = await handle({ request, values, timeout, readBody: body.whole });
    if (isGone) return;
    if (!request.complete) drainWhenAnswered(request, response);
    const header = toNodeHeaders(answer.header);
    exposeByName(response, header);
    response.writeHead(answer.status, header);
    // A caller that reads nothing is cut off: its answer would be in memory for as long as it likes.
    stall = setTimeout(() => response.destroy(), bodyTimeoutMs);
    response.end(answer.body);
  };

  return async (route, request, response) => {
    const timeout = readCallTimeout(request.headers, maxTimeoutMs);
    const { unaryHandler } = route;
    if (unaryHandler && isPlainUnary(request, timeout)) {
      await serveUnary(unaryHandler, route, request, response, timeout);
      return;
    }
    drainWhenAnswered(request, response);
    const gone = new AbortController();
    const body = limitBody(request, route.method, timeout?.timeoutMs, limits);
    response.once('close', () => {
      body.release();
      gone.abort(GONE);
    });
    const values = options.contextValues(request);
    try {
      const answer = await route.handler(readRequest(request, response, values, timeout, body.chunks));
      await sendAnswer(answer, response, gone.signal, bodyTimeoutMs);
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
