// The forwarding of one call to a service and of its answer to the caller. An observer sees both.

import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { singleResponse } from '../base/method-kind.ts';
import { addHeaders, relayedOf } from './relayed-headers.ts';
import { formOf, type Upstream } from './upstream.ts';

/** Sees what passes. Its functions do not throw. */
export type CallObserver = {
  request(message: Message): void;
  responseHeaders(headers: Headers): void;
  response(message: Message): void;
  trailers(trailers: Headers): void;
  /** The service answered completely. */
  end(): void;
  /** The service answered with an error. */
  fail(error: ConnectError, trailers: Headers): void;
  /** The call ended without an end from the service. Called after `end` and `fail` too. */
  breakOff(reason: string): void;
};

const ignore = () => undefined;

/** Sees nothing. */
export const NO_OBSERVER: CallObserver = {
  request: ignore,
  responseHeaders: ignore,
  response: ignore,
  trailers: ignore,
  end: ignore,
  fail: ignore,
  breakOff: ignore,
};

/**
 * Forwards a unary call.
 *
 * @throws {ConnectError} the error of the service.
 */
export async function forwardUnary(
  method: DescMethodUnary,
  request: Message,
  context: HandlerContext,
  upstream: Upstream,
  observer: CallObserver,
): Promise<Message> {
  observer.request(request);
  try {
    const transport = upstream.transportFor(formOf(context));
    const header = relayedOf(context.requestHeader);
    const reply = await transport.unary(method, context.signal, timeLeftMs(context), header, request as never);
    observer.responseHeaders(reply.header);
    observer.response(reply.message);
    observer.trailers(reply.trailer);
    addHeaders(context.responseHeader, relayedOf(reply.header));
    addHeaders(context.responseTrailer, relayedOf(reply.trailer));
    observer.end();
    return reply.message;
  } catch (error) {
    throw endWith(error, observer, context, new Headers());
  }
}

/**
 * Forwards a streaming call, message by message.
 *
 * @throws {ConnectError} the error of the service.
 */
export async function* forwardStream(
  method: DescMethodStreaming,
  requests: Iterable<Message> | AsyncIterable<Message>,
  context: HandlerContext,
  upstream: Upstream,
  observer: CallObserver,
): AsyncGenerator<Message> {
  const passed = passRequests(requests, observer);
  let sentHeaders = new Headers();
  try {
    const transport = upstream.transportFor(formOf(context));
    const header = relayedOf(context.requestHeader);
    const reply = await transport.stream(method, context.signal, timeLeftMs(context), header, passed as never);
    observer.responseHeaders(reply.header);
    sentHeaders = relayedOf(reply.header);
    addHeaders(context.responseHeader, sentHeaders);
    for await (const message of reply.message) {
      observer.response(message);
      yield message;
    }
    observer.trailers(reply.trailer);
    addHeaders(context.responseTrailer, relayedOf(reply.trailer));
    observer.end();
  } catch (error) {
    throw endWith(error, observer, context, sentHeaders);
  } finally {
    // If the caller leaves in the middle, this generator ends at its `yield`.
    observer.breakOff(CALLER_LEFT);
  }
}

async function* passRequests(requests: Iterable<Message> | AsyncIterable<Message>, observer: CallObserver) {
  for await (const request of requests) {
    observer.request(request);
    yield request;
  }
}

// The deadline passes at slightly different times in the caller, this server and the service.
const DEADLINE_TOLERANCE_MS = 10;
// A caller whose deadline passes also leaves, and either can be noticed first, so one text covers both.
const CALLER_LEFT = 'the caller left before the end, or its deadline passed';
const SERVER_STOPPED = 'the recorder stopped before the end';

// Reports the error of the service, or that the call was broken off. Returns the error for the caller.
function endWith(reason: unknown, observer: CallObserver, context: HandlerContext, sentHeaders: Headers): ConnectError {
  const error = findError(reason, context);
  // The metadata of an error contains headers and trailers. Headers that were already sent to the caller are removed.
  const metadata = new Headers(
    [...relayedOf(error.metadata)].filter(([name, value]) => sentHeaders.get(name) !== value),
  );
  if (error.isWireError) observer.fail(error, metadata);
  else observer.breakOff(explain(error, context));
  // A new error, because Connect would send the parsed one without its metadata.
  return new ConnectError(error.rawMessage, error.code, metadata, error.details as never, reason);
}

// A call that is aborted on this side can fail with various errors on the other. The reason of the abort is the real error.
function findError(reason: unknown, { signal, timeoutMs }: HandlerContext): ConnectError {
  if (signal.aborted) return ConnectError.from(signal.reason);
  const error = ConnectError.from(reason);
  const isLate = (timeoutMs() ?? Number.POSITIVE_INFINITY) < DEADLINE_TOLERANCE_MS;
  if (!isLate || (error.isWireError && error.code !== Code.DeadlineExceeded)) return error;
  return new ConnectError('the deadline of the call has passed', Code.DeadlineExceeded, undefined, undefined, reason);
}

// The message of the error is not used: it may quote a value.
function explain({ code }: ConnectError, { signal }: HandlerContext): string {
  if (signal.aborted) return code === Code.Unavailable ? SERVER_STOPPED : CALLER_LEFT;
  return code === Code.DeadlineExceeded ? CALLER_LEFT : `no readable answer came (${codeToString(code)})`;
}

// Transports interpret a timeout of 0 as no timeout, so at least 1 ms is passed.
function timeLeftMs(context: HandlerContext): number | undefined {
  const leftMs = context.timeoutMs();
  return leftMs === undefined ? undefined : Math.max(1, Math.floor(leftMs));
}

/**
 * Returns the response of an RPC with one response.
 *
 * @throws {ConnectError} `unimplemented` if the service sent none.
 */
export async function requireResponse(responses: AsyncIterable<Message>, method: DescMethod): Promise<Message> {
  const response = await singleResponse(responses);
  if (!response) throw new ConnectError(`${method.name}: the service sent no response`, Code.Unimplemented);
  return response;
}
