// The small HTTP server under the fake payment provider and the mailbox: JSON in, JSON out, errors that name the field.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import type { Logger } from './logger.ts';

const MAX_BODY_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 65_000;

export type JsonAnswer = {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
};

export type JsonRequest = {
  query: URLSearchParams;
  /** The header's value, or undefined; `name` in lower case. */
  header(name: string): string | undefined;
  /** Reads, parses and checks the body. Throws RequestError naming every field that is wrong. */
  readBody<Body>(schema: z.ZodType<Body>): Promise<Body>;
};

export type Route = (request: JsonRequest) => JsonAnswer | Promise<JsonAnswer>;

export type FieldError = {
  field: string;
  message: string;
};

/** Thrown by a route to refuse a request; becomes `{error: {code, message, fields}}`. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldError[];

  constructor(status: number, code: string, message: string, fields: FieldError[] = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

export function refuseField(field: string, message: string): RequestError {
  return new RequestError(400, 'invalid_request', `${field}: ${message}`, [{ field, message }]);
}

export type JsonServer = AsyncDisposable & {
  host: string;
  port: number;
  url: string;
  /** Stops listening and cuts the open connections. */
  close(): Promise<void>;
};

export type JsonServerOptions = {
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** Keyed by method and path: `GET /healthz`. */
  routes: Record<string, Route>;
  log: Logger;
};

/** Starts listening. Throws when the port is taken. */
export async function startJsonServer(options: JsonServerOptions): Promise<JsonServer> {
  const server = createServer((request, response) => {
    answerRequest(options, request, response).catch((error: unknown) => {
      options.log.error({ err: error }, 'a request could not be answered');
      response.destroy();
    });
  });
  // Longer than any client's idle pool keeps a connection, so that the side that closes is the client.
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
  return { host: options.host, port, url: `http://${urlHost}:${port}`, close, [Symbol.asyncDispose]: close };
}

async function answerRequest(options: JsonServerOptions, request: IncomingMessage, response: ServerResponse) {
  const answer = await routeRequest(options, request);
  // The caller may have hung up meanwhile; what its request did stands all the same.
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

async function routeRequest(options: JsonServerOptions, request: IncomingMessage): Promise<JsonAnswer> {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = findRoute(options.routes, request.method ?? 'GET', url.pathname);
    return await route({
      query: url.searchParams,
      header: (name) => [request.headers[name]].flat()[0],
      readBody: (schema) => readBody(request, schema),
    });
  } catch (error) {
    if (error instanceof RequestError) return answerError(error);
    options.log.error({ err: error, path: request.url?.split('?')[0] }, 'request failed');
    return answerError(new RequestError(500, 'internal', 'Something went wrong on our side'));
  }
}

function findRoute(routes: Record<string, Route>, method: string, path: string): Route {
  const route = routes[`${method} ${path}`];
  if (route) return route;
  const methods = Object.keys(routes).filter((key) => key.endsWith(` ${path}`));
  if (methods.length === 0) throw new RequestError(404, 'not_found', `Nothing here: ${path}`);
  const allowed = methods.map((key) => key.split(' ')[0]).join(', ');
  throw new RequestError(405, 'method_not_allowed', `${path} answers ${allowed} only`);
}

function answerError(error: RequestError): JsonAnswer {
  const fields = error.fields.length > 0 ? { fields: error.fields } : {};
  return { status: error.status, body: { error: { code: error.code, message: error.message, ...fields } } };
}

async function readBody<Body>(request: IncomingMessage, schema: z.ZodType<Body>): Promise<Body> {
  const value = parseJson(await readText(request));
  if (value === undefined) throw refuseField('body', 'not JSON');
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.flatMap(describeIssue);
  const message = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new RequestError(400, 'invalid_request', message, fields);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving the loop early must not cut the connection: the answer still has to go out on it.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw Object.assign(refuseField('body', 'cut off before its end'), { cause });
  }
  if (size > MAX_BODY_BYTES) {
    const message = `larger than ${MAX_BODY_BYTES} bytes`;
    throw new RequestError(413, 'body_too_large', `body: ${message}`, [{ field: 'body', message }]);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON text means undefined. The parser's own message quotes the body, which may hold a payment method.
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
