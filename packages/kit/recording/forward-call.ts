// The forwarding of one call to the recorded service and of its answer to the caller, both of which are captured.

import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { singleResponse } from '../base/method-kind.ts';
import { Capture, type CaptureOptions } from './capture.ts';
import { addHeaders, relayedOf } from './relayed-headers.ts';
import { formOf, type Upstream } from './upstream.ts';

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
  options: CaptureOptions,
): Promise<Message> {
  const capture = new Capture(method, context, options);
  capture.request(request);
  try {
    const transport = upstream.transportFor(formOf(context));
    const header = relayedOf(context.requestHeader);
    const reply = await transport.unary(method, context.signal, timeLeftMs(context), header, request as never);
    capture.responseHeaders(reply.header);
    capture.response(reply.message);
    capture.trailers(reply.trailer);
    addHeaders(context.responseHeader, relayedOf(reply.header));
    addHeaders(context.responseTrailer, relayedOf(reply.trailer));
    capture.end();
    return reply.message;
  } catch (error) {
    throw endWith(error, capture, context, new Headers());
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
  options: CaptureOptions,
): AsyncGenerator<Message> {
  const capture = new Capture(method, context, options);
  const passed = passRequests(requests, capture);
  let sentHeaders = new Headers();
  try {
    const transport = upstream.transportFor(formOf(context));
    const header = relayedOf(context.requestHeader);
    const reply = await transport.stream(method, context.signal, timeLeftMs(context), header, passed as never);
    capture.responseHeaders(reply.header);
    sentHeaders = relayedOf(reply.header);
    addHeaders(context.responseHeader, sentHeaders);
    for await (const message of reply.message) {
      capture.response(message);
      yield message;
    }
    capture.trailers(reply.trailer);
    addHeaders(context.responseTrailer, relayedOf(reply.trailer));
    capture.end();
  } catch (error) {
    throw endWith(error, capture, context, sentHeaders);
  } finally {
    // If the caller leaves in the middle, this generator ends at its `yield`.
    capture.breakOff(CALLER_LEFT);
  }
}

async function* passRequests(requests: Iterable<Message> | AsyncIterable<Message>, capture: Capture) {
  for await (const request of requests) {
    capture.request(request);
    yield request;
  }
}

// The deadline passes at slightly different times in the caller, the recorder and the service.
const DEADLINE_TOLERANCE_MS = 10;
// A caller whose deadline passes also leaves, and either can be noticed first, so one text covers both.
const CALLER_LEFT = 'the caller left before the end, or its deadline passed';
const RECORDER_STOPPED = 'the recorder stopped before the end';

// Records the error of the service, or that the call was broken off. Returns the error for the caller.
function endWith(reason: unknown, capture: Capture, context: HandlerContext, sentHeaders: Headers): ConnectError {
  const error = findError(reason, context);
  // The metadata of an error contains headers and trailers. Headers that were already sent to the caller are removed.
  const metadata = new Headers(
    [...relayedOf(error.metadata)].filter(([name, value]) => sentHeaders.get(name) !== value),
  );
  if (error.isWireError) capture.fail(error, metadata);
  else capture.breakOff(explain(error, context));
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
  if (signal.aborted) return code === Code.Unavailable ? RECORDER_STOPPED : CALLER_LEFT;
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
