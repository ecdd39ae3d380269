// The longest life of a stream. Without it a stream keeps its resources, and the replica it happened to reach, for as long as its caller
// likes. It ends with an error that says: call again.

import { Code, type ConnectError, type Interceptor } from '@connectrpc/connect';
import { type LimitErrors, type LimitName, retryDelay } from './limits/limit-error.ts';
import { endOnAbort, untilAborted } from './shutdown.ts';

const RETRY_AFTER_MS = 500;
/** Streams that were opened together do not end together. */
const JITTER = 0.1;

/**
 * Returns an interceptor that ends streams after about `maxAgeMs` with `unavailable`, also those whose implementation does not listen to its
 * signal.
 */
export function limitStreamAge(
  maxAgeMs: number,
  errors: LimitErrors,
  onLimit: (limit: LimitName) => void,
): Interceptor {
  return (next) => async (request) => {
    if (!request.stream) return await next(request);
    const old = new AbortController();
    const timer = setTimeout(
      () => {
        onLimit('stream_age');
        old.abort(tooOld(errors));
      },
      maxAgeMs * (1 - JITTER + 2 * JITTER * Math.random()),
    );
    const stop = () => clearTimeout(timer);
    request.signal.addEventListener('abort', stop, { once: true });
    const signal = AbortSignal.any([request.signal, old.signal]);
    const response = await untilAborted(next({ ...request, signal }), old.signal).catch((error: unknown) => {
      stop();
      throw error;
    });
    return response.stream ? { ...response, message: endOnAbort(response.message, old.signal) } : response;
  };
}

function tooOld(errors: LimitErrors): ConnectError {
  return errors({
    code: Code.Unavailable,
    reason: 'STREAM_TOO_OLD',
    message: 'the stream has reached its maximum age: call again',
    retryAfterMs: retryDelay(RETRY_AFTER_MS),
  });
}
