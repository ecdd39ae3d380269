// The mapping of malformed requests to `invalid_argument`. Connect maps it to `internal`, by which bad input could open a breaker.

import { base64Decode } from '@bufbuild/protobuf/wire';
import { Code, ConnectError, createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';

// Set once a call's request has been parsed: an `internal` error after that is the implementation's own.
const IS_PARSED = createContextKey(false, { description: 'whether the request has been parsed' });

/** Observes a call from before its request is parsed; for Connect's `requestGate`. */
export function watchParsing(context: HandlerContext): void {
  context.signal.addEventListener('abort', () => {
    const reason: unknown = context.signal.reason;
    // Connect ends the call with the error first and serializes the error afterwards, so its code can still be changed.
    if (!context.values.get(IS_PARSED) && isParseError(reason)) setCode(reason, Code.InvalidArgument);
  });
}

/** Records that a single request was parsed, and maps parse errors of a stream. Must be the outermost interceptor. */
export const mapParseErrors: Interceptor = (next) => (request) => {
  request.contextValues.set(IS_PARSED, true);
  return next(request.stream ? { ...request, message: mapErrors(request.message) } : request);
};

async function* mapErrors<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw mapParseError(error);
  }
}

/**
 * Rejects a GET whose query cannot be decoded; for Connect's `requestGate`. Connect would read U+FFFD in place of each byte that is no
 * UTF-8, so that different keys became equal, and answers bad base64 with `internal`.
 *
 * @throws ConnectError `invalid_argument`.
 */
export function rejectMalformedQuery({ requestMethod, url }: HandlerContext): void {
  if (requestMethod !== 'GET') return;
  const { search, searchParams } = new URL(url);
  const isBase64 = searchParams.get('base64') === '1';
  if (!succeeds(() => decodeURIComponent(search))) {
    throw new ConnectError('the query is no valid UTF-8', Code.InvalidArgument);
  }
  if (isBase64 && !succeeds(() => base64Decode(searchParams.get('message') ?? ''))) {
    throw new ConnectError('message: no valid base64', Code.InvalidArgument);
  }
}

function succeeds(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch {
    return false; // Both decoders throw for nothing but what they cannot decode.
  }
}

// What the messages of Connect's `internal` errors begin with that are the caller's fault. A message that is marked as compressed without an
// encoding is too, but the protocols demand `internal` for it.
const PARSE_ERRORS = /^parse binary: /;

/** Returns the error, as the caller's fault when it is that of a message that Connect could not parse. */
export function mapParseError(error: unknown): unknown {
  if (isParseError(error)) setCode(error, Code.InvalidArgument);
  return error;
}

function isParseError(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.code === Code.Internal && PARSE_ERRORS.test(error.rawMessage);
}

function setCode(error: { code: Code }, code: Code): void {
  error.code = code;
}
