// Calls of a handler over HTTP/2 without sockets, and all that a caller can see of their answers.
import { hash } from 'node:crypto';
import { type ClientHttp2Stream, connect, createServer, type OutgoingHttpHeaders } from 'node:http2';
import { duplexPair } from 'node:stream';
import { createRpcHandler, type RpcHandler, type RpcServerOptions } from '@touchstone/rpc-server';

/** How a content type chooses the path: they mean the same, but only the first is what services send. */
export const PATHS = { thin: 'application/proto', connect: 'application/PROTO' } as const;
export type Path = keyof typeof PATHS;

export type RawCall = {
  readonly headers?: OutgoingHttpHeaders;
  /** The parts of the body. */
  readonly body?: readonly Uint8Array[];
  /** Does what it likes with the call once its head is sent, in place of sending the body. */
  readonly act?: (stream: ClientHttp2Stream) => unknown;
  readonly path?: string;
};

/** All that a caller sees. */
type Answer = {
  readonly head: object;
  readonly body: string;
  readonly trailers: object | undefined;
  readonly resetBy: number | undefined;
  /** Whether the whole request was sent. */
  readonly isSent: boolean;
};

/** Serves one call, and returns its answer. */
export async function callOver(path: Path, options: RpcServerOptions, call: RawCall, given?: RpcHandler) {
  const limits: string[] = [];
  const errors: unknown[] = [];
  const watched = { onLimit: (limit: string) => limits.push(limit), onError: (error: unknown) => errors.push(error) };
  const handler = given ?? createRpcHandler({ ...options, ...watched });
  const server = createServer((request, response) => void handler.handle(request as never, response as never));
  const [near, far] = duplexPair();
  server.emit('connection', far);
  const session = connect('http://localhost', { createConnection: () => near });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': call.path ?? '/echo.v1.EchoService/Say',
      'content-type': PATHS[path],
      ...call.headers,
    });
    // A caller that pauses reads on when the server is done with it.
    server.once('stream', (served) => served.once('close', () => stream.resume()));
    const answer = readAnswer(stream);
    if (call.act) await call.act(stream);
    else {
      for (const part of call.body ?? []) stream.write(part);
      stream.end();
    }
    return { ...(await answer), limits, errors };
  } finally {
    session.destroy();
    near.destroy();
    far.destroy();
    server.close();
  }
}

function readAnswer(stream: ClientHttp2Stream) {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const chunks: Buffer[] = [];
  let head: object = {};
  let trailers: object | undefined;
  stream.on('response', ({ date: _date, ...headers }) => {
    head = headers;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  stream.on('close', () => {
    const body = Buffer.concat(chunks);
    const text = body.length > 1_000 ? `${body.length} bytes ${hash('sha256', body)}` : String(body);
    resolve({ head, body: text, trailers, resetBy: stream.rstCode, isSent: stream.writableFinished });
  });
  return promise;
}
