// The answer memory: an optional cache of whole answers to unary calls. It is consulted before anything is decoded, and is
// offered the answers that the implementation returns.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';
import type { ContextValues } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

/** A unary call as it was received. */
export type UnaryCall = {
  readonly method: DescMethod;
  /** By lower-case name. */
  readonly header: IncomingHttpHeaders;
  /** Compressed or enveloped as the header declares. */
  readonly body: Uint8Array;
};

/** A whole answer as it is sent, without the headers of CORS and of the connection. */
export type UnaryAnswer = {
  readonly status: number;
  readonly header: OutgoingHttpHeaders;
  /** In the chunks that are written. */
  readonly body: readonly Uint8Array[];
  readonly trailer: OutgoingHttpHeaders | undefined;
};

/** Maps calls to answers. It is consulted for calls that arrive in one chunk, and may forget answers at any time. */
export type AnswerMemory = {
  /** Returns the answer to a call; `undefined` leaves it to the interceptors and the implementation. */
  recall(call: UnaryCall): UnaryAnswer | undefined;
  /**
   * Offers the answer of a call for which `recall` returned none.
   *
   * @param values the `values` of the context that was passed to its implementation.
   */
  learn(call: UnaryCall, answer: UnaryAnswer, values: ContextValues): void;
};

// Larger bodies are too expensive to compare: they are decoded as usual.
const MAX_BODY_BYTES = 16 * 1024;

/**
 * Returns a call that arrived in one chunk over HTTP/1.1; for any other call it reads nothing and returns `undefined`. It
 * does not wait for the rest of a body: the usual path does, with its deadlines and limits.
 */
export async function readUnaryCall(method: DescMethod, request: IncomingMessage): Promise<UnaryCall | undefined> {
  if (method.methodKind !== 'unary' || request.method !== 'POST' || request.httpVersionMajor !== 1) return undefined;
  const bodyBytes = Number(request.headers['content-length'] ?? Number.NaN);
  // The parser delivers a body that arrived together with its headers within this turn.
  await Promise.resolve();
  if (request.readableLength !== bodyBytes || bodyBytes > MAX_BODY_BYTES || request.destroyed) return undefined;
  return { method, header: request.headers, body: request.read() ?? new Uint8Array() };
}

/** Writes an answer. */
export function writeAnswer({ status, header, body, trailer }: UnaryAnswer, response: ServerResponse): void {
  response.writeHead(status, header);
  if (trailer) response.addTrailers(trailer as NodeJS.Dict<string>);
  for (const chunk of body.slice(0, -1)) response.write(chunk);
  response.end(body.at(-1));
}

/** Returns the same answer, and passes a copy to `onWhole` once its last byte was read. */
export function copyAnswer(
  answer: UniversalServerResponse,
  onWhole: (copy: UnaryAnswer) => void,
): UniversalServerResponse {
  async function* copyBody(): AsyncGenerator<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body ?? []) {
      chunks.push(chunk);
      yield chunk;
    }
    const { status, header, trailer } = answer;
    onWhole({
      status,
      header: toNodeHeaders(header),
      body: chunks,
      trailer: trailer && toNodeHeaders(trailer),
    });
  }
  return { ...answer, body: copyBody() };
}

/** Returns headers in the form of Node. */
export function toNodeHeaders(headers: Headers | undefined): OutgoingHttpHeaders {
  const cookies = headers?.getSetCookie() ?? [];
  return { ...Object.fromEntries(headers ?? []), ...(cookies.length > 0 && { 'set-cookie': cookies }) };
}
