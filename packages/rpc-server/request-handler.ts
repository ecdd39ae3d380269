// The handler of all requests: the checks of headers, host and origin, then plain HTTP routes, then RPCs, then the answer for unknown
// paths.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code } from '@connectrpc/connect';
import { createCorsGate } from './cors.ts';
import { findHeaderExcess } from './limits/header-limit.ts';
import { createHostCheck } from './limits/request-origin.ts';
import type { HttpHandler, ResolvedOptions } from './options.ts';
import { answerRefusal, notServed, type Refusal } from './refusal.ts';
import type { RouteTable } from './routes.ts';
import { createRpcServing } from './serve-rpc.ts';

/** Returns the handler of every request on the port; it never throws or rejects. */
export function createRequestHandler(options: ResolvedOptions, routes: RouteTable): HttpHandler {
  const passCors = createCorsGate(options);
  const findFault = createHeadCheck(options);
  const httpRoutes = new Map(Object.entries(options.httpRoutes));
  const serveRpc = createRpcServing(options);

  return async (request, response) => {
    const path = pathOf(request);
    try {
      const fault = findFault(request);
      if (fault) {
        answerRefusal(fault, request, response);
        return;
      }
      if (passCors(request, response)) return;
      const httpHandler = httpRoutes.get(path);
      const rpc = routes.find(path);
      if (httpHandler) await Promise.resolve(httpHandler(request, response));
      else if (rpc) await serveRpc(rpc, request, response);
      else answerRefusal(notServed(path), request, response);
    } catch (error) {
      options.onError(error, path);
      endAfterFailure(response);
    }
  };
}

/** Returns a check of the size of a request's headers and of its host. */
function createHeadCheck(options: ResolvedOptions): (request: IncomingMessage) => Refusal | undefined {
  const isOwnHost = createHostCheck(options.allowedHosts, options.host);
  return (request) => {
    const excess = findHeaderExcess(request, options);
    if (excess !== undefined) {
      options.onLimit('headers');
      return { code: Code.ResourceExhausted, httpStatus: 431, message: excess };
    }
    const authority = (request as { authority?: string }).authority ?? request.headers.host;
    if (authority === undefined || !URL.canParse(request.url ?? '', `http://${authority}`)) {
      return { code: Code.InvalidArgument, httpStatus: 400, message: 'the request has no usable host or path' };
    }
    if (isOwnHost(authority)) return undefined;
    options.onLimit('host');
    return { code: Code.PermissionDenied, httpStatus: 403, message: 'this server is not called by that host name' };
  };
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? '';
}

// The error is only logged. A half-written answer can only be cut off: its status is already sent.
function endAfterFailure(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(500, { 'content-type': 'text/plain' });
  response.end('internal error\n');
}
