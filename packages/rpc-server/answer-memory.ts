// The short way of a unary call: a memory, given as an option, may know its answer before anything is decoded. It learns
// from the answers that calls on the usual way were given.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';
import type { ContextValues } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

/** A unary call as it came. */
export interface UnaryCall {
  readonly method: DescMethod;
  /** By lower-case name. */
  readonly header: IncomingHttpHeaders;
  /** Compressed or enveloped as the header says. */
  readonly body: Uint8Array;
}

/** A whole answer as it goes out, but for the headers of CORS and of the connection. */
export interface UnaryAnswer {
  readonly status: number;
  readonly header: OutgoingHttpHeaders;
  /** In the pieces that it is written in. */
  readonly body: readonly Uint8Array[];
  readonly trailer: OutgoingHttpHeaders | undefined;
}

/** Knows answers by what was asked. It is asked about calls that came in one piece, and may forget at any time. */
export interface AnswerMemory {
  /** Returns the answer to a call; `undefined` leaves it to the interceptors and the implementation. */
  recall(call: UnaryCall): UnaryAnswer | undefined;
  /**
   * Takes in how a call was answered that `recall` left.
   *
   * @param values the `values` of the context that its implementation was given.
   */
  learn(call: UnaryCall, answer: UnaryAnswer, values: ContextValues): void;
}

// Larger bodies are no use to compare by: they take the usual way.
const longestBodyBytes = 16 * 1024;

/**
 * Returns a call that came in one piece over HTTP/1.1; `undefined` for any other, of which nothing is read then. Waiting
 * for the rest of a body is left to the usual way, whose deadlines and limits hold meanwhile.
 */
export async function readUnaryCall(method: DescMethod, request: IncomingMessage): Promise<UnaryCall | undefined> {
  if (method.methodKind !== 'unary' || request.method !== 'POST' || request.httpVersionMajor !== 1) return undefined;
  const bodyBytes = Number(request.headers['content-length'] ?? Number.NaN);
  // The parser hands on a body that came along with its headers within this turn.
  await Promise.resolve();
  if (request.readableLength !== bodyBytes || bodyBytes > longestBodyBytes || request.destroyed) return undefined;
  return { method, header: request.headers, body: request.read() ?? new Uint8Array() };
}

/** Writes an answer. */
export function writeAnswer({ status, header, body, trailer }: UnaryAnswer, response: ServerResponse): void {
  response.writeHead(status, header);
  if (trailer) response.addTrailers(trailer as NodeJS.Dict<string>);
  for (const piece of body.slice(0, -1)) response.write(piece);
  response.end(body.at(-1));
}

/** Returns the same answer, of which a copy goes to `onWhole` when its last byte was taken. */
export function copyAnswer(
  answer: UniversalServerResponse,
  onWhole: (copy: UnaryAnswer) => void,
): UniversalServerResponse {
  async function* copyBody(): AsyncGenerator<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.body ?? []) {
      pieces.push(piece);
      yield piece;
    }
    const { status, header, trailer } = answer;
    onWhole({
      status,
      header: toNodeHeaders(header),
      body: pieces,
      trailer: trailer && toNodeHeaders(trailer),
    });
  }
  return { ...answer, body: copyBody() };
}

function toNodeHeaders(headers: Headers | undefined): OutgoingHttpHeaders {
  const cookies = headers?.getSetCookie() ?? [];
  return { ...Object.fromEntries(headers ?? []), ...(cookies.length > 0 && { 'set-cookie': cookies }) };
}
