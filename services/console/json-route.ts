// Plain HTTP routes that answer JSON to the console's own page.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DomainError, describeError } from '../platform/base/errors.ts';
import { isOfForeignPage } from './own-page.ts';

const STATUSES: Readonly<Record<string, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  unavailable: 503,
};

export type JsonAnswer = { readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

/** Returns the handler of one route: `method` only, of the console's own page only; a DomainError is answered by its status. */
export function jsonRoute(
  method: 'GET' | 'POST',
  answer: (request: IncomingMessage) => Promise<JsonAnswer>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    if (request.method !== method) {
      send(response, 405, { error: `only ${method} is answered here` }, { allow: method });
      return;
    }
    if (isOfForeignPage(request)) {
      send(response, 403, { error: 'only the page of this console may call it' });
      return;
    }
    try {
      const { body, headers } = await answer(request);
      send(response, 200, body, headers);
    } catch (error) {
      const status = error instanceof DomainError ? STATUSES[error.kind] : undefined;
      if (status === undefined) throw error;
      send(response, status, { error: describeError(error), reason: (error as DomainError).reason });
    }
  };
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(JSON.stringify(body));
}
