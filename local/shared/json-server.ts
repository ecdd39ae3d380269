// The HTTP server of the fake payment provider and the mailbox: JSON requests and responses, errors that name the field.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { createHostCheck, createOriginCheck } from '#packages/rpc-server/index.ts';
import type { Logger } from './logger.ts';

const MAX_BODY_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 65_000;

export type JsonResponse = {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
};

export type JsonRequest = {
  query: URLSearchParams;
  /** The header's value, or undefined; `name` in lower case. */
  header(name: string): string | undefined;
  /**
   * Reads, parses and validates the body.
   * @throws {RequestError} naming every invalid field.
   */
  readBody<Body>(schema: z.ZodType<Body>): Promise<Body>;
};

export type Route = (request: JsonRequest) => JsonResponse | Promise<JsonResponse>;

export type FieldError = {
  field: string;
  message: string;
};

export type RequestErrorOptions = {
  status: number;
  code: string;
  message: string;
  fields?: FieldError[];
};

/** Thrown by a route to reject a request; the response body is `{error: {code, message, fields}}`. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldError[];

  constructor({ status, code, message, fields = [] }: RequestErrorOptions) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

export function invalidField(field: string, message: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_request',
    message: `${field}: ${message}`,
    fields: [{ field, message }],
  });
}

export type JsonServer = AsyncDisposable & {
  host: string;
  port: number;
  url: string;
  /** Stops listening and closes the open connections. */
  close(): Promise<void>;
};

export type JsonServerOptions = {
  host: string;
  /** 0 chooses a free port. */
  port: number;
  /** Keyed by method and path: `GET /healthz`. */
  routes: Record<string, Route>;
  /** Names by which it is called, in addition to IP addresses, `localhost` and `host`; `*` accepts any. */
  allowedHosts?: readonly string[] | undefined;
  log: Logger;
  /** With them it speaks HTTPS. PEM. */
  tls?: { cert: Buffer; key: Buffer } | undefined;
};

/**
 * Starts listening.
 * @throws {Error} EADDRINUSE when the port is taken.
 */
export async function startJsonServer(options: JsonServerOptions): Promise<JsonServer> {
  const checkCaller = createCallerCheck(options);
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    handleRequest(options, checkCaller, request, response).catch((error: unknown) => {
      options.log.error({ err: error }, 'response failed');
      response.destroy();
    });
  };
  const server = options.tls === undefined ? createServer(respond) : createHttpsServer(options.tls, respond);
  // Longer than clients keep idle connections. If the server closed first, a request sent at that moment would fail.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  const urlHost = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    host: options.host,
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://${urlHost}:${port}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

type CallerCheck = (request: IncomingMessage) => void;

/** Returns a check that throws when a request is for another host, or of a script of a page that is not on this machine. */
function createCallerCheck({ allowedHosts, host }: JsonServerOptions): CallerCheck {
  const isOwnHost = createHostCheck(allowedHosts, host);
  const isOwnOrigin = createOriginCheck(undefined);
  return ({ headers }) => {
    const isForeign = !isOwnHost(headers.host ?? '') || (headers.origin !== undefined && !isOwnOrigin(headers.origin));
    if (isForeign) throw new RequestError({ status: 403, code: 'forbidden', message: 'Host or origin is not allowed' });
  };
}

async function handleRequest(
  options: JsonServerOptions,
  checkCaller: CallerCheck,
  request: IncomingMessage,
  response: ServerResponse,
) {
  const answer = await routeRequest(options, checkCaller, request);
  // The client may have disconnected; the request's effect remains.
  if (response.destroyed) return;
  const body = JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...answer.headers,
  });
  response.end(body);
  if (!request.complete) request.resume();
}

async function routeRequest(
  options: JsonServerOptions,
  checkCaller: CallerCheck,
  request: IncomingMessage,
): Promise<JsonResponse> {
  try {
    checkCaller(request);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = findRoute(options.routes, request.method ?? 'GET', url.pathname);
    return await route({
      query: url.searchParams,
      header: (name) => [request.headers[name]].flat()[0],
      readBody: (schema) => readBody(request, schema),
    });
  } catch (error) {
    if (error instanceof RequestError) return errorResponse(error);
    options.log.error({ err: error, path: request.url?.split('?')[0] }, 'request failed');
    return errorResponse(new RequestError({ status: 500, code: 'internal', message: 'Internal error' }));
  }
}

function findRoute(routes: Record<string, Route>, method: string, path: string): Route {
  const route = routes[`${method} ${path}`];
  if (route) return route;
  const methods = Object.keys(routes).filter((key) => key.endsWith(` ${path}`));
  if (methods.length === 0)
    throw new RequestError({ status: 404, code: 'not_found', message: `Nothing here: ${path}` });
  const allowed = methods.map((key) => key.split(' ')[0]).join(', ');
  throw new RequestError({ status: 405, code: 'method_not_allowed', message: `${path} answers ${allowed} only` });
}

function errorResponse(error: RequestError): JsonResponse {
  const fields = error.fields.length > 0 ? { fields: error.fields } : {};
  return { status: error.status, body: { error: { code: error.code, message: error.message, ...fields } } };
}

async function readBody<Body>(request: IncomingMessage, schema: z.ZodType<Body>): Promise<Body> {
  const value = parseJson(await readText(request));
  if (value === undefined) throw invalidField('body', 'not JSON');
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.flatMap(describeIssue);
  const message = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new RequestError({ status: 400, code: 'invalid_request', message, fields });
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving the loop early must not close the connection: the response is still sent on it.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw Object.assign(invalidField('body', 'cut off before its end'), { cause });
  }
  if (size > MAX_BODY_BYTES) {
    const message = `larger than ${MAX_BODY_BYTES} bytes`;
    const fields = [{ field: 'body', message }];
    throw new RequestError({ status: 413, code: 'body_too_large', message: `body: ${message}`, fields });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON value is undefined. The parser's message is dropped: it quotes the body, which may hold a payment method.
    return undefined;
  }
}

function describeIssue(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: [...path, key].join('.'), message: 'unknown field' }));
  }
  return [{ field: path.join('.') || 'body', message: issue.message }];
}
