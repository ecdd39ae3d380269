// A limit to what a service does at once: as many calls as do not slow each other down, a bounded queue before them for bursts, and
// past it a refusal at once, so that too many callers make neither everybody wait nor the memory grow. What is refused was never
// begun: repeating it is safe.
import { createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { BulkheadFullError, createBulkhead } from '../base/bulkhead.ts';
import { DomainError } from '../base/errors.ts';
import { measureServiceTime } from '../base/service-time.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { createOverloadDetector } from './overload-detector.ts';

const RETRY_AFTER_MS = 1_000;
const TELL_PERIOD_MS = 10_000;
/** As long as it takes about until the next place comes free. */
const OVERLOAD_QUEUE_MS = 5;

export type CallLimits = {
  /** Calls at work at once, at most: fewer are let in while they slow each other down. */
  readonly maxCalls: number;
  /** How many more may wait, and how long in milliseconds when there is a burst; in a lasting overload hardly at all. */
  readonly maxQueuedCalls: number;
  readonly maxQueueMs: number;
  /** Streams open at once; they last, so they are counted apart and do not wait. */
  readonly maxStreams: number;
};

/** The limits of a service that has no settings for them. */
export const DEFAULT_LIMITS: CallLimits = { maxCalls: 32, maxQueuedCalls: 200, maxQueueMs: 2_000, maxStreams: 1_000 };

const QUEUE_WAIT_MS = createContextKey(0, { description: 'milliseconds a call waited to be let in' });

/** How long a call waited to be let in, in milliseconds: its caller waited as long. */
export function queueWaitMs({ values }: Pick<HandlerContext, 'values'>): number {
  return values.get(QUEUE_WAIT_MS);
}

export type LoadSheddingOptions = { readonly limits: CallLimits; readonly metrics: Metrics; readonly log: Logger };

/**
 * Makes the interceptor that lets calls in. One that finds no place is refused as `resource_exhausted` OVERLOADED; one whose
 * deadline passes or whose caller gives up while it waits is not begun. Operators are always let in.
 */
export function createLoadShedding({ limits, metrics, log }: LoadSheddingOptions): Interceptor {
  const calls = createCallGate(limits);
  const streams = createBulkhead({ maxConcurrent: limits.maxStreams, maxQueued: 0 });
  metrics.watchBulkhead('calls', calls.view);
  metrics.watchBulkhead('streams', streams.view);
  const tell = createTeller(log);

  const orRefuse = async <T>(bulkhead: 'calls' | 'streams', entering: Promise<T>): Promise<T> => {
    try {
      return await entering;
    } catch (error) {
      if (!(error instanceof BulkheadFullError)) throw error;
      metrics.bulkheadRefused.inc({ bulkhead });
      tell(bulkhead);
      throw overloaded(error);
    }
  };

  return (next) => async (request) => {
    const { signal } = request;
    if (request.service.typeName === OpsService.typeName) return await next(request);
    if (request.stream) {
      const leave = await orRefuse('streams', streams.enter(0, signal));
      // However a stream ends, and even if nobody ever reads it, its signal aborts then.
      signal.addEventListener('abort', leave, { once: true });
      return await next(request);
    }
    const begin = performance.now();
    const place = await orRefuse('calls', calls.enter(signal));
    request.contextValues.set(QUEUE_WAIT_MS, performance.now() - begin);
    return await place.run(request.method.name, () => next(request));
  };
}

type Place = {
  /** Runs a call of this kind, then gives the place back. */
  run<T>(kind: string, work: () => Promise<T>): Promise<T>;
};

/** The way to a service's own work: how many are let in and how long others may wait follows from how they fare. */
function createCallGate({ maxCalls, maxQueuedCalls, maxQueueMs }: CallLimits) {
  const limit = createConcurrencyLimit(maxCalls);
  // Whoever lets bursts wait long takes as much longer to call them an overload.
  const watch = createOverloadDetector(maxQueueMs);
  const bulkhead = createBulkhead({ maxConcurrent: limit.current, maxQueued: maxQueuedCalls, next: 'newest' });
  const { view } = bulkhead;
  const noteChange = (): void => watch.note(view().inUse >= limit.current());

  // While more come than are served, whoever waits longest has the least hope and makes room for those who come; in a lasting
  // overload nobody is let wait who will not be next.
  const waitMsForNext = (): number => {
    watch.came();
    const isOverload = watch.isOverloaded();
    const mayWait = isOverload ? limit.current() : Math.max(1, maxQueuedCalls);
    while (watch.isPressed() && view().queued >= mayWait) bulkhead.refuseOldest();
    return isOverload ? Math.min(OVERLOAD_QUEUE_MS, maxQueueMs) : maxQueueMs;
  };

  const enter = async (signal: AbortSignal): Promise<Place> => {
    const leave = await bulkhead.enter(waitMsForNext(), signal);
    noteChange();
    const before = view().inUse;
    return {
      run: async (kind, work) => {
        try {
          return await measureServiceTime(work, (spent, hasFailed) =>
            limit.learn({
              ...spent,
              kind,
              hasFailed,
              atWork: Math.max(before, view().inUse),
              isPressed: watch.isPressed(),
            }),
          );
        } finally {
          leave();
          watch.ended();
          noteChange();
        }
      },
    };
  };
  return { enter, view };
}

// At ten times the load a line a call would be a load of its own.
function createTeller(log: Logger): (bulkhead: string) => void {
  let refused = 0;
  let toldAt = -Infinity;
  return (bulkhead) => {
    refused += 1;
    if (performance.now() - toldAt < TELL_PERIOD_MS) return;
    log.warn({ bulkhead, refused }, 'too many calls: shedding load');
    refused = 0;
    toldAt = performance.now();
  };
}

// The wait is random, so that those refused together do not come back together.
function overloaded(cause: BulkheadFullError): DomainError {
  return new DomainError('resource_exhausted', 'OVERLOADED', 'too many calls at once: try again later', {
    retryAfterMs: Math.round(RETRY_AFTER_MS * (0.5 + Math.random())),
    cause,
  });
}
