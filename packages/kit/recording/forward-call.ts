// Passes one call on to the recorded service and its answer back, message by message, and shows both to a capture.

import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { singleResponse } from '../base/method-kind.ts';
import { Capture, type CaptureOptions } from './capture.ts';
import { addHeaders, relayedOf } from './relayed-headers.ts';
import { formOf, type Upstream } from './upstream.ts';

/** Answers a unary call with what the service answers. @throws ConnectError as the service does. */
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

/** Answers a stream with what the service answers, each message as it comes. @throws ConnectError as the service does. */
export async function* forwardStream(
  method: DescMethodStreaming,
  requests: Iterable<Message> | AsyncIterable<Message>,
  context: HandlerContext,
  upstream: Upstream,
  options: CaptureOptions,
): AsyncGenerator<Message> {
  const capture = new Capture(method, context, options);
  const passed = passRequests(requests, capture);
  let told = new Headers();
  try {
    const transport = upstream.transportFor(formOf(context));
    const header = relayedOf(context.requestHeader);
    const reply = await transport.stream(method, context.signal, timeLeftMs(context), header, passed as never);
    capture.responseHeaders(reply.header);
    told = relayedOf(reply.header);
    addHeaders(context.responseHeader, told);
    for await (const message of reply.message) {
      capture.response(message);
      yield message;
    }
    capture.trailers(reply.trailer);
    addHeaders(context.responseTrailer, relayedOf(reply.trailer));
    capture.end();
  } catch (error) {
    throw endWith(error, capture, context, told);
  } finally {
    // A caller who leaves in the middle ends this generator at its `yield`.
    capture.breakOff(callerLeft);
  }
}

async function* passRequests(requests: Iterable<Message> | AsyncIterable<Message>, capture: Capture) {
  for await (const request of requests) {
    capture.request(request);
    yield request;
  }
}

// The clocks of a call's deadline on the way do not strike at once.
const lateMs = 10;
// Callers whose time is over leave: which of the two is seen first is chance.
const callerLeft = 'the caller left before the end, or its time was over';
const recorderStopped = 'the recorder stopped before the end';

// What the service answered is recorded as its answer; that there was none is recorded as well, and is none.
function endWith(reason: unknown, capture: Capture, context: HandlerContext, told: Headers): ConnectError {
  const error = findError(reason, context);
  // An error has its headers and trailers in one; the headers have gone on already where there were messages.
  const metadata = new Headers([...relayedOf(error.metadata)].filter(([name, value]) => told.get(name) !== value));
  if (error.isWireError) capture.fail(error, metadata);
  else capture.breakOff(explain(error, context));
  // As it was parsed, Connect would pass it on without its metadata.
  return new ConnectError(error.rawMessage, error.code, metadata, error.details as never, reason);
}

// A call that is ended on this side fails on the other in many ways: what counts is why it was ended.
function findError(reason: unknown, { signal, timeoutMs }: HandlerContext): ConnectError {
  if (signal.aborted) return ConnectError.from(signal.reason);
  const error = ConnectError.from(reason);
  const isLate = (timeoutMs() ?? Number.POSITIVE_INFINITY) < lateMs;
  if (!isLate || (error.isWireError && error.code !== Code.DeadlineExceeded)) return error;
  return new ConnectError("the call's time is over", Code.DeadlineExceeded, undefined, undefined, reason);
}

// Not in the error's own words: they may quote a value that could not be read.
function explain({ code }: ConnectError, { signal }: HandlerContext): string {
  if (signal.aborted) return code === Code.Unavailable ? recorderStopped : callerLeft;
  return code === Code.DeadlineExceeded ? callerLeft : `no answer came that could be read (${codeToString(code)})`;
}

// Transports take no time at all for no limit.
function timeLeftMs(context: HandlerContext): number | undefined {
  const leftMs = context.timeoutMs();
  return leftMs === undefined ? undefined : Math.max(1, Math.floor(leftMs));
}

/** Returns the one response of a stream of requests. @throws ConnectError when there is none. */
export async function onlyOf(responses: AsyncIterable<Message>, method: DescMethod): Promise<Message> {
  const response = await singleResponse(responses);
  if (!response) throw new ConnectError(`${method.name}: the service answered no message`, Code.Unimplemented);
  return response;
}
