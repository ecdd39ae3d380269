// The bulkhead of health and reflection: their streams have places of their own, so that neither takes those of the services, or of the
// other. Their unary calls answer from memory and need none.

import { Code, type HandlerContext } from '@connectrpc/connect';
import { type LimitErrors, type LimitName, retryDelay } from '../limits/limit-error.ts';

const RETRY_AFTER_MS = 1_000;

/** Returns a gate, for Connect's `requestGate`, that admits at most `maxStreams` streams at once. */
export function limitStreams(
  maxStreams: number,
  errors: LimitErrors,
  onLimit: (limit: LimitName) => void,
): (context: HandlerContext) => void {
  let open = 0;
  return ({ method, signal }) => {
    if (method.methodKind === 'unary' || signal.aborted) return;
    if (open >= maxStreams) {
      onLimit('introspection');
      throw errors({
        code: Code.ResourceExhausted,
        reason: 'TOO_MANY_STREAMS',
        message: `${maxStreams} streams of ${method.parent.typeName} are open already`,
        retryAfterMs: retryDelay(RETRY_AFTER_MS),
      });
    }
    open += 1;
    // Connect aborts the signal of every call that is over.
    const release = () => {
      open -= 1;
    };
    signal.addEventListener('abort', release, { once: true });
  };
}
