// A limit to what a service does at once: a bounded queue before its work, and past it a refusal at once, so that too many callers
// make neither everybody wait nor the memory grow. What is refused was never begun: repeating it is safe.
import { createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { BulkheadFullError, createBulkhead } from './bulkhead.ts';
import { DomainError } from './errors.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

const RETRY_AFTER_MS = 1_000;
const TELL_PERIOD_MS = 10_000;

export type CallLimits = {
  /** Calls at work at once. */
  readonly maxCalls: number;
  /** How many more may wait, and how long in milliseconds. */
  readonly maxQueuedCalls: number;
  readonly maxQueueMs: number;
  /** Streams open at once; they last, so they are counted apart and do not wait. */
  readonly maxStreams: number;
};

/** The limits of a service that has no settings for them. */
export const DEFAULT_LIMITS: CallLimits = { maxCalls: 32, maxQueuedCalls: 200, maxQueueMs: 1_000, maxStreams: 1_000 };

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
  const calls = createBulkhead({ maxConcurrent: limits.maxCalls, maxQueued: limits.maxQueuedCalls, next: 'newest' });
  const streams = createBulkhead({ maxConcurrent: limits.maxStreams, maxQueued: 0 });
  metrics.watchBulkhead('calls', calls.view);
  metrics.watchBulkhead('streams', streams.view);
  const tell = createTeller(log);

  const letIn = async (bulkhead: 'calls' | 'streams', signal: AbortSignal): Promise<() => void> => {
    try {
      return await (bulkhead === 'calls' ? calls.enter(limits.maxQueueMs, signal) : streams.enter(0, signal));
    } catch (error) {
      if (!(error instanceof BulkheadFullError)) throw error;
      metrics.bulkheadRefused.inc({ bulkhead });
      tell(bulkhead);
      throw overloaded(error);
    }
  };

  return (next) => async (request) => {
    if (request.service.typeName === OpsService.typeName) return await next(request);
    const begin = performance.now();
    const leave = await letIn(request.stream ? 'streams' : 'calls', request.signal);
    request.contextValues.set(QUEUE_WAIT_MS, performance.now() - begin);
    // However a stream ends, and even if nobody ever reads it, its signal aborts then.
    if (request.stream) request.signal.addEventListener('abort', leave, { once: true });
    try {
      return await next(request);
    } finally {
      if (!request.stream) leave();
    }
  };
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
