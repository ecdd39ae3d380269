// The handler of all requests: CORS, then plain HTTP routes, then RPCs, then the answer for unknown paths.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createCorsGate } from './cors.ts';
import type { HttpHandler, ResolvedOptions } from './options.ts';
import type { RouteTable } from './routes.ts';
import { serveRpc } from './serve-rpc.ts';
import type { Shutdown } from './shutdown.ts';
import { answerNotServed } from './unknown-path.ts';

/** Returns the handler of every request on the port; it never throws or rejects. */
export function createRequestHandler(options: ResolvedOptions, routes: RouteTable, shutdown: Shutdown): HttpHandler {
  const passCors = createCorsGate(options);
  const httpRoutes = new Map(Object.entries(options.httpRoutes));

  return async (request, response) => {
    const path = pathOf(request);
    try {
      if (passCors(request, response)) return;
      const httpHandler = httpRoutes.get(path);
      const rpc = routes.find(path);
      if (httpHandler) await Promise.resolve(httpHandler(request, response));
      else if (rpc) await serveRpc(rpc, request, response, shutdown.hasEndedCalls ? undefined : options.answerMemory);
      else answerNotServed(path, request, response);
    } catch (error) {
      options.onError(error, path);
      endAfterFailure(response);
    }
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
