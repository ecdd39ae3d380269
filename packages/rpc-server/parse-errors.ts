// Makes malformed protobuf the caller's fault. Connect calls it `internal`, which would let bad input open a breaker.

import { Code, ConnectError, createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';

// Set once a call's request has been parsed: an `internal` error after that is the implementation's own.
const isParsedKey = createContextKey(false, { description: 'whether the request has been parsed' });

/** Watches a call from before its request is parsed; for Connect's `requestGate`. */
export function watchParsing(context: HandlerContext): void {
  context.signal.addEventListener('abort', () => {
    const reason: unknown = context.signal.reason;
    // Connect ends the call with the error first and writes the error down afterwards, so that it can still be mended.
    if (!context.values.get(isParsedKey) && isParseError(reason)) setCode(reason, Code.InvalidArgument);
  });
}

/** Notes that a single request was parsed, and maps the errors of parsing a stream. To be the outermost interceptor. */
export const mapParseErrors: Interceptor = (next) => (request) => {
  request.contextValues.set(isParsedKey, true);
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
