// The mapping of malformed protobuf to `invalid_argument`. Connect maps it to `internal`, by which bad input could open a breaker.

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
    if (isParseError(error)) setCode(error, Code.InvalidArgument);
    throw error;
  }
}

function isParseError(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.code === Code.Internal && error.rawMessage.startsWith('parse binary: ');
}

function setCode(error: { code: Code }, code: Code): void {
  error.code = code;
}
