// The two phases of a stop, as signals: streams end at once, other calls when the grace period is over.

import { setImmediate } from 'node:timers/promises';
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, type ConnectError, type Interceptor } from '@connectrpc/connect';
import { type LimitErrors, retryDelay } from './limits/limit-error.ts';

// By then a load balancer, or a client with several addresses, uses another replica.
const RETRY_AFTER_MS = 500;

/** The signals of a server's stop, and the interceptor that applies them to every call. */
export class Shutdown {
  readonly #streams = new AbortController();
  readonly #calls = new AbortController();
  readonly #reason: ConnectError;

  constructor(errors: LimitErrors) {
    this.#reason = errors({
      code: Code.Unavailable,
      reason: 'SHUTTING_DOWN',
      message: 'the server is shutting down',
      retryAfterMs: retryDelay(RETRY_AFTER_MS),
    });
  }

  /** Aborted when the stop begins. */
  get signal(): AbortSignal {
    return this.#streams.signal;
  }

  /** Returns the signal that ends calls of `method`: an endless stream cannot be waited for, a single answer can. */
  signalFor(method: DescMethod): AbortSignal {
    return isEndless(method) ? this.#streams.signal : this.#calls.signal;
  }

  /** Ends streams with `unavailable`. What they yielded just before (such as NOT_SERVING) is written first. */
  async endStreams(): Promise<void> {
    await setImmediate();
    this.#streams.abort(this.#reason);
  }

  /** Ends everything else with `unavailable`. */
  endCalls(): void {
    this.#calls.abort(this.#reason);
  }

  /**
   * Answers `unavailable` when a call is ended, even when the implementation does not listen to its signal.
   * It has to be the innermost interceptor, so that the outer ones see that error as the call's result.
   */
  readonly interceptor: Interceptor = (next) => async (request) => {
    const signal = this.signalFor(request.method);
    const response = await untilAborted(next(request), signal);
    return response.stream ? { ...response, message: endOnAbort(response.message, signal) } : response;
  };
}

function isEndless(method: DescMethod): boolean {
  return method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
}

/** Yields messages until the signal is aborted; then throws its reason, whether or not the source listens to it. */
export async function* endOnAbort<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let isDone = false;
  try {
    while (true) {
      const result = await untilAborted(iterator.next(), signal);
      if (result.done) {
        isDone = true;
        return;
      }
      yield result.value;
    }
  } finally {
    // Not awaited: a generator that is waiting only returns when its wait is over.
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(ignoreError);
  }
}

/** Settles as `promise`, or throws the reason of the signal when that is aborted first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}

// The caller has its answer already: a later error of the abandoned implementation cannot be reported.
function ignoreError(): undefined {
  return undefined;
}
